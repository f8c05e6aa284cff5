"""Events and exchanges in OpenTelemetry's words: its GenAI conventions, and `overnight.*` beside them.

Source: the attribute registry of OpenTelemetry's semantic conventions, `gen_ai.*`.
"""

from collections.abc import Mapping
from typing import Any

import msgspec

from overnight.domain.endpoint import Endpoint
from overnight.domain.event import SCHEMA_VERSION, BatchEvent
from overnight.events.encoding import cost_by_model
from overnight.events.protocol import Exchange
from overnight.jsonl.requests import UNDECODABLE
from overnight.telemetry import genai

Attributes = Mapping[str, str | int | float]

_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def event_attributes(event: BatchEvent) -> Attributes:
    """Return what a record of the event says; what is unknown is left out."""
    usage, costs = event.usage, cost_by_model(event)
    said: dict[str, str | int | float | None] = {
        **_operation(event),
        genai.INPUT_TOKENS: usage.input if usage else None,
        genai.OUTPUT_TOKENS: usage.output if usage else None,
        "gen_ai.usage.cache_read.input_tokens": usage.cached if usage else None,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning if usage else None,
        "gen_ai.usage.cost": None if event.response_cost is None else float(event.response_cost),
        "error.type": event.error_code,
        "overnight.schema_version": SCHEMA_VERSION,
        "overnight.event.id": event.id,
        "overnight.event.type": event.type.value,
        "overnight.batch.id": event.batch_id,
        "overnight.batch.status": event.status.value,
        "overnight.batch.input_file_id": event.input_file_id,
        "overnight.batch.output_file_id": event.output_file_id,
        "overnight.batch.error_file_id": event.error_file_id,
        "overnight.batch.errors": event.errors or None,
        "overnight.project": event.project,
        "overnight.request_id": event.request_id or None,
        "overnight.endpoint": event.endpoint,
        "overnight.request_counts.total": event.counts.total,
        "overnight.request_counts.completed": event.counts.completed,
        "overnight.request_counts.failed": event.counts.failed,
        "overnight.tokens": event.tokens,
        "overnight.response_cost": None if event.response_cost is None else float(event.response_cost),
        "overnight.cost_by_model": None if costs is None else msgspec.json.encode(costs).decode(),
        "overnight.duration.validating": event.durations.validating,
        "overnight.duration.in_progress": event.durations.in_progress,
        "overnight.duration.finalizing": event.durations.finalizing,
        "overnight.duration.cancelling": event.durations.cancelling,
        "overnight.duration.total": event.durations.total,
        **{f"overnight.metadata.{key}": value for key, value in (event.metadata or {}).items()},
    }
    return {name: value for name, value in said.items() if value is not None}


def exchange_attributes(event: BatchEvent, exchange: Exchange) -> Attributes:
    """Return what a record of one line says, prompt and answer included.

    A part that can't be read, as a number too large for anybody, stands in the whole line alone.
    """
    request = _fields(_fields(exchange.request).get("body"))
    answer = _fields(_fields(_fields(exchange.answer).get("response")).get("body"))
    said: dict[str, str | int | None] = {
        **_operation(event),
        genai.REQUEST_MODEL: _text(_value(request.get("model"))) or event.model,
        genai.RESPONSE_MODEL: _text(_value(answer.get("model"))),
        "gen_ai.response.id": _text(_value(answer.get("id"))),
        "gen_ai.input.messages": _messages(_value(request.get("messages"))),
        "gen_ai.output.messages": _messages(_answered(_value(answer.get("choices")))),
        "overnight.batch.id": event.batch_id,
        "overnight.event.id": event.id,
        "overnight.project": event.project,
        "overnight.line.index": exchange.index,
        "overnight.line.custom_id": exchange.custom_id,
        "overnight.line.request": exchange.request.decode(errors="replace"),
        "overnight.line.result": (exchange.answer or b"").decode(errors="replace") or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def _operation(event: BatchEvent) -> dict[str, str | None]:
    provider = event.provider
    return {
        genai.OPERATION: genai.operation_name(Endpoint(event.endpoint)),
        genai.PROVIDER: genai.provider_name(provider) if provider else None,
        genai.REQUEST_MODEL: event.model,
    }


def _fields(raw: bytes | msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    """Return the fields of a JSON object, as they stand there; none if it is no object."""
    try:
        return _decode_fields(raw or b"{}")
    except UNDECODABLE:
        return {}


def _value(raw: msgspec.Raw | None) -> Any:  # noqa: ANN401 - any JSON
    try:
        return msgspec.json.decode(raw) if raw is not None else None
    except UNDECODABLE:
        return None


def _answered(choices: object) -> list[Any]:
    found = choices if isinstance(choices, list) else []
    return [choice["message"] for choice in found if isinstance(choice, dict) and choice.get("message")]


def _messages(messages: object) -> str | None:
    """Return a chat's messages as the conventions have them, `[{role, parts: [{type, content}]}]`."""
    if not isinstance(messages, list) or not messages:
        return None
    told = [
        {"role": message.get("role"), "parts": _parts(message.get("content"))}
        for message in messages
        if isinstance(message, dict)
    ]
    return msgspec.json.encode(told).decode()


def _parts(content: object) -> list[object]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    parts = content if isinstance(content, list) else []
    return [
        {"type": "text", "content": part.get("text")}
        if isinstance(part, dict) and part.get("type") == "text"
        else part
        for part in parts
    ]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
