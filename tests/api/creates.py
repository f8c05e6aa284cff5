"""Batches that tests of the gateway create, and bring to an end."""

from datetime import UTC, datetime
from typing import Any

from overnight.domain.batch import BatchChange
from overnight.domain.status import BatchStatus
from tests.api.served import Served

WANTED: dict[str, Any] = {
    "input_file_id": "file-abc123",
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
}

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)


async def create(served: Served, **more: Any) -> dict[str, Any]:
    async with served.http() as http:
        answer = await http.post("/v1/batches", json={**WANTED, **more})
    assert answer.status_code == 200, answer.text
    batch: dict[str, Any] = answer.json()
    return batch


async def settle(served: Served, batch_id: str, status: BatchStatus, **more: Any) -> None:
    await served.catalog.record(batch_id, BatchChange(revision=10, status=status, **more))
