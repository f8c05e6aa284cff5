"""Events to LiteLLM's own logging callbacks, so that every integration it has works here too.

A batch is two of LiteLLM's calls, as in its own proxy: `acreate_batch`, and an `aretrieve_batch` once it has
ended, with its usage and cost. LiteLLM swallows what goes wrong in a callback and only logs it; that is
listened for, so that the event is offered again.
"""

import asyncio
import importlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, NamedTuple

from overnight.domain.errors import SinkRefused, SinkUnavailable
from overnight.domain.event import BatchEvent, EventType
from overnight.events.encoding import as_document
from overnight.events.protocol import Bookmark, Exchanges
from overnight.events.settings import LitellmSettings

TAKEN_WITHIN = timedelta(seconds=30)
"""How long a callback may take, which can be a call to anywhere."""

PACKAGE = "litellm"
_LOGGERS = ("LiteLLM", "LiteLLM Proxy", "LiteLLM Router")
_CREATE, _RETRIEVE = "acreate_batch", "aretrieve_batch"
_CALLS = {
    EventType.CREATED: _CREATE,
    EventType.SUCCESS: _RETRIEVE,
    EventType.FAILED: _RETRIEVE,
    EventType.EXPIRED: _RETRIEVE,
    EventType.CANCELLED: _RETRIEVE,
}

_heard: ContextVar[list[str] | None] = ContextVar("heard", default=None)


class _Parts(NamedTuple):
    """What is needed of LiteLLM."""

    logging: Any
    types: Any
    batching: Any
    generic: Any


class LitellmSink:
    """A Sink that is a callback of LiteLLM's. It is imported (200 MB) when the first event comes."""

    def __init__(self, settings: LitellmSettings) -> None:
        self._settings = settings
        self._callback: Any = None
        self._parts: _Parts | None = None
        self._lock = asyncio.Lock()

    async def emit(
        self,
        event: BatchEvent,
        exchanges: Exchanges | None = None,  # noqa: ARG002 - counts and costs are LiteLLM's affair
        bookmark: Bookmark | None = None,  # noqa: ARG002
    ) -> None:
        """Tell the callback, if LiteLLM has such a call, and have it send what it holds; see Sink."""
        failed = event.type is EventType.FAILED
        if event.type not in _CALLS or not (self._settings.failures if failed else self._settings.successes):
            return
        # One at a time: a callback that holds events back is to send this one's alone.
        async with self._lock:
            parts = await self._ready()
            try:
                with _listening() as complaints:
                    async with asyncio.timeout(TAKEN_WITHIN.total_seconds()):
                        await self._tell(parts, event, failed=failed)
            except Exception as error:
                raise SinkUnavailable(f"{self._name} failed: {type(error).__name__}") from error
            finally:
                self._forget(parts)
        if complaints:
            raise SinkUnavailable(f"{self._name} did not take the event: {complaints[0]}")

    async def _tell(self, parts: _Parts, event: BatchEvent, *, failed: bool) -> None:
        call = _call(parts, event, failed=failed)
        told = self._callback.async_log_failure_event if failed else self._callback.async_log_success_event
        await told(call.details, call.batch, event.created_at, event.at)
        if isinstance(self._callback, parts.batching.CustomBatchLogger):
            await self._callback.flush_queue()

    def _forget(self, parts: _Parts) -> None:
        # What a callback has kept of a try that failed would come again with the next one.
        if isinstance(self._callback, parts.batching.CustomBatchLogger):
            self._callback.log_queue.clear()

    async def _ready(self) -> _Parts:
        if self._parts is None:
            self._parts = await asyncio.to_thread(_imported)
        if self._callback is None:
            self._callback = self._resolved(self._parts)
        return self._parts

    def _resolved(self, parts: _Parts) -> Any:  # noqa: ANN401 - LiteLLM's CustomLogger
        name = self._settings.callback
        try:
            if name == "generic_api":
                return parts.generic.GenericAPILogger()
            if parts.generic.is_callback_compatible(name):
                return parts.generic.GenericAPILogger(callback_name=name)
            callback = parts.logging.build_custom_logger_compatible_class(name, None, None)
        except Exception as error:
            reason = f"{self._name} can't be set up: {type(error).__name__}"
            raise SinkRefused(f"{reason}; does it have its environment variables and its package?") from error
        if callback is None or type(callback) is parts.batching.CustomLogger:
            raise SinkRefused(f"LiteLLM has no logging callback '{name}' that can be called by itself")
        return callback

    @property
    def _name(self) -> str:
        return f"LiteLLM's callback '{self._settings.callback}'"


class _Call(NamedTuple):
    """A call as LiteLLM's callbacks are told of it."""

    details: dict[str, Any]
    batch: Any


def _call(parts: _Parts, event: BatchEvent, *, failed: bool) -> _Call:
    batch = parts.types.LiteLLMBatch(**_batch(event))
    call = parts.logging.Logging(
        model=event.model or "",
        messages=None,
        stream=False,
        call_type=_CALLS[event.type],
        start_time=event.created_at,
        litellm_call_id=event.id,
        function_id="",
        litellm_trace_id=event.batch_id,
    )
    call.update_environment_variables(
        model=event.model or "",
        user="",
        optional_params={},
        litellm_params={"metadata": _metadata(event)},
        custom_llm_provider=event.provider,
    )
    details: dict[str, Any] = call.model_call_details
    details["response_cost"] = None if event.response_cost is None else float(event.response_cost)
    details["end_time"] = event.at
    error = f"the batch failed: {event.error_code}" if failed else None
    if error:
        details["exception"] = RuntimeError(error)
    details["standard_logging_object"] = parts.logging.get_standard_logging_object_payload(
        kwargs=details,
        init_response_obj=batch,
        start_time=event.created_at,
        end_time=event.at,
        logging_obj=call,
        status="failure" if failed else "success",
        error_str=error,
    )
    return _Call(details, batch)


def _batch(event: BatchEvent) -> dict[str, Any]:
    document, usage = as_document(event), event.usage
    counted = usage and {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "total_tokens": usage.total,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
    }
    return {
        "id": event.batch_id,
        "object": "batch",
        "completion_window": "24h",
        "created_at": int(event.created_at.timestamp()),
        "endpoint": event.endpoint,
        "input_file_id": event.input_file_id,
        "output_file_id": event.output_file_id,
        "error_file_id": event.error_file_id,
        "status": event.status.value,
        "request_counts": document["request_counts"],
        "metadata": event.metadata,
        "usage": counted,
    }


def _metadata(event: BatchEvent) -> dict[str, Any]:
    mine = {"overnight_event_id": event.id, "overnight_project": event.project}
    return {
        **mine,
        "model_group": event.model or "",
        "requester_metadata": {**(event.metadata or {}), **mine},
    }


def _imported() -> _Parts:
    # Otherwise it asks the internet for prices, which nobody needs here.
    os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    try:
        parts = _Parts(
            logging=importlib.import_module("litellm.litellm_core_utils.litellm_logging"),
            types=importlib.import_module("litellm.types.utils"),
            batching=importlib.import_module("litellm.integrations.custom_batch_logger"),
            generic=importlib.import_module("litellm.integrations.generic_api.generic_api_callback"),
        )
    except ImportError as error:
        raise SinkRefused("LiteLLM is not installed: pip install 'overnight[litellm]'") from error
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        # Its errors quote requests and addresses, so they are heard and not repeated.
        logger.handlers[:] = [_Listener()]
        logger.propagate = False
    return parts


class _Listener(logging.Handler):
    """Hears what LiteLLM complains of while an event is handed over."""

    def emit(self, record: logging.LogRecord) -> None:
        complaints = _heard.get()
        if complaints is not None and record.levelno >= logging.ERROR:
            kind = record.exc_info[0] if record.exc_info else None
            complaints.append(kind.__name__ if kind else f"an error in {record.module}")


@contextmanager
def _listening() -> Iterator[list[str]]:
    complaints: list[str] = []
    token = _heard.set(complaints)
    try:
        yield complaints
    finally:
        _heard.reset(token)
