"""Events to hand over, and the batch that they are of."""

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from overnight.domain.account import Account, Entry
from overnight.domain.batch import Batch, BatchError, BatchOrder, Stamps
from overnight.domain.endpoint import Endpoint
from overnight.domain.event import BatchEvent, EventType, Occurrence, event_of
from overnight.domain.status import BatchStatus
from overnight.domain.usage import Counts, TokenKind, Usage
from overnight.events.protocol import Exchange

CREATED = datetime(2026, 3, 1, 22, 0, tzinfo=UTC)
BEGAN = CREATED + timedelta(seconds=90)
FINALIZING = BEGAN + timedelta(hours=3)
ENDED = FINALIZING + timedelta(seconds=30)
PROMPT, ANSWER = "what is the capital of France?", "it is Paris"

ORDER = BatchOrder(
    batch_id="batch_1",
    project="night-shift",
    input_file_id="file-in",
    endpoint=Endpoint.CHAT_COMPLETIONS,
    completion_window="24h",
    window=timedelta(hours=24),
    created_at=CREATED,
    metadata={"team": "search"},
    request_id="req_1",
)
USAGE = Usage(input=120, cached=20, output=30, reasoning=10)
COMPLETED = Batch(
    order=ORDER,
    status=BatchStatus.COMPLETED,
    stamps=Stamps(in_progress_at=BEGAN, finalizing_at=FINALIZING, completed_at=ENDED),
    counts=Counts(3, 2, 1),
    usage=USAGE,
    model="gpt-4o-mini",
    cost=Decimal("0.0001275"),
    account=Account(
        entries=(
            Entry(
                deployment="dep_1",
                provider="openai",
                model="gpt-4o-mini",
                price="price_1",
                lines=2,
                usage=USAGE,
                usd={TokenKind.INPUT: Decimal("0.0001"), TokenKind.OUTPUT: Decimal("0.0000275")},
            ),
        )
    ),
    output_file_id="file-out",
    error_file_id="file-err",
)
REFUSED = Batch(
    order=ORDER,
    status=BatchStatus.FAILED,
    stamps=Stamps(failed_at=ENDED),
    errors=(BatchError(code="model_not_found", message="no such model"),),
    errors_total=3,
)


def event(kind: EventType = EventType.SUCCESS, batch: Batch = COMPLETED, *, step: int = 0) -> BatchEvent:
    at = {EventType.CREATED: CREATED, EventType.SUBMITTED: BEGAN}.get(kind, ENDED)
    occurrence = Occurrence(batch_id="batch_1", type=kind, at=at, step=step, counts=Counts(3))
    return event_of(occurrence, batch, provider="openai")


def failure() -> BatchEvent:
    return event(EventType.FAILED, REFUSED)


def cancelled() -> BatchEvent:
    stamps = replace(COMPLETED.stamps, finalizing_at=None, completed_at=None, cancelling_at=FINALIZING)
    return event(EventType.CANCELLED, replace(COMPLETED, status=BatchStatus.CANCELLED, stamps=stamps))


async def exchanges() -> AsyncIterator[Exchange]:
    """Three lines, of which the last was never answered."""
    for index in range(3):
        asked = {"model": "gpt", "messages": [{"role": "user", "content": f"{PROMPT} {index}"}]}
        message = {"role": "assistant", "content": f"{ANSWER} {index}"}
        answered = {"id": f"chatcmpl-{index}", "model": "gpt-4", "choices": [{"message": message}]}
        named = {"custom_id": f"line-{index}"}
        request = json.dumps({**named, "body": asked}).encode()
        answer = json.dumps({**named, "response": {"status_code": 200, "body": answered}}).encode()
        yield Exchange(index, f"line-{index}", request, answer if index < 2 else None)
