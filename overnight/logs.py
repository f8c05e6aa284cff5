"""Logs: one line an event, JSON for machines and colours for people, ours and the libraries' alike.

Everything goes to stderr. What is bound with `structlog.contextvars` (batch id, request id) stands in
every line. Tracebacks never show local variables: prompts, answers and keys are among them.
"""

import logging
import sys
from collections.abc import Callable, Mapping
from typing import TextIO

import structlog
from structlog.types import EventDict, Processor, WrappedLogger

_OWN_HANDLERS = ("uvicorn", "uvicorn.error", "uvicorn.access", "temporalio")
"""Loggers that come with handlers of their own, which would print everything a second time."""

_TALKATIVE = ("aiosqlite", "alembic", "azure", "boto3", "botocore", "httpcore2", "httpx2")
"""Loggers whose INFO says what ours says better, or nothing that an operator can use."""

_INDISCREET = ("gcsfs",)
"""Loggers whose errors quote answers, which name accounts; what went wrong, ours says."""


def configure_logging(
    *,
    process: str,
    level: str = "INFO",
    stream: TextIO | None = None,
    trace_ids: Callable[[], Mapping[str, str]] | None = None,
) -> None:
    """Set logging up, once, at the start of a process; `process` is the name that its lines bear.

    `level` is a name of the standard library's levels. `trace_ids` returns what every line is to bear of the
    trace that it belongs to. Raises ValueError for another level.
    """
    stream = stream or sys.stderr
    shared = _shared(process, trace_ids)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.ExtraAdder(), _drop_colours],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(stream)],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    _quieten()


def _shared(process: str, trace_ids: Callable[[], Mapping[str, str]] | None) -> list[Processor]:
    def name_process(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        if trace_ids is not None:
            event.update(trace_ids())
        return event

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        name_process,
    ]


def _rendering(stream: TextIO) -> list[Processor]:
    if stream.isatty():
        return [structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)]
    return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]


def _drop_colours(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    # uvicorn says everything a second time, in colours.
    event.pop("color_message", None)
    return event


def _quieten() -> None:
    for name in _OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
    for name in _TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)
    for name in _INDISCREET:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    logging.captureWarnings(capture=True)
