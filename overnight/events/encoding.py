"""An event as JSON: the schema that `docs/logging.md` describes, in one place."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from overnight.domain.event import SCHEMA_VERSION, BatchEvent
from overnight.domain.usage import Usage


def as_document(event: BatchEvent) -> dict[str, Any]:
    """Return the event as JSON has it."""
    return {
        "schema_version": SCHEMA_VERSION,
        "id": event.id,
        "type": event.type.value,
        "at": timestamp(event.at),
        "batch_id": event.batch_id,
        "project": event.project,
        "request_id": event.request_id,
        "status": event.status.value,
        "endpoint": event.endpoint,
        "provider": event.provider,
        "model": event.model,
        "input_file_id": event.input_file_id,
        "output_file_id": event.output_file_id,
        "error_file_id": event.error_file_id,
        "batch_created_at": timestamp(event.created_at),
        "request_counts": asdict(event.counts),
        "tokens": event.tokens,
        "usage": None if event.usage is None else _usage(event.usage),
        "response_cost": None if event.response_cost is None else float(event.response_cost),
        "cost_by_model": cost_by_model(event),
        "durations": asdict(event.durations),
        "error": {"code": event.error_code, "count": event.errors} if event.errors else None,
        "metadata": event.metadata,
        "content": None if event.content is None else asdict(event.content),
    }


def cost_by_model(event: BatchEvent) -> list[dict[str, Any]] | None:
    """Return what the cost is made of: an entry for each price at which a model has answered."""
    if event.costs is None:
        return None
    return [
        {
            "provider": entry.provider,
            "model": entry.model,
            "requests": entry.lines,
            "usage": _usage(entry.usage),
            "response_cost": None if entry.cost is None else float(entry.cost),
            "reason": entry.reason,
        }
        for entry in event.costs
    ]


def as_json(event: BatchEvent) -> bytes:
    """Return the event as one line of JSON, without the newline."""
    return json.dumps(as_document(event), ensure_ascii=False, separators=(",", ":")).encode()


def timestamp(at: datetime) -> str:
    """Return a moment as RFC 3339 has it, in UTC and to the microsecond."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _usage(usage: Usage) -> dict[str, int]:
    return {
        "input_tokens": usage.input,
        "cached_tokens": usage.cached,
        "output_tokens": usage.output,
        "reasoning_tokens": usage.reasoning,
        "total_tokens": usage.total,
    }
