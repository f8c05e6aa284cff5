"""Batches that stop early, by whatever hand: what was answered is delivered, every other line says why."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from openai import ConflictError, OpenAI
from temporalio.client import Client

from overnight.domain.batch import BatchOrder
from overnight.domain.endpoint import Endpoint as BatchEndpoint
from overnight.domain.ids import new_batch_id
from tests.acceptance.housekeeping import keep_house
from tests.acceptance.inputs import assert_every_line_once, create, submit, upload, write_requests
from tests.acceptance.serving import Served, answered, ended, results, until
from tests.acceptance.simulated import Endpoint
from workflows import queues
from workflows.batch import BatchWorkflow

LINES = 20
HUNG = 4
WINDOW = timedelta(seconds=8)
"""Long enough for what can be answered, however busy the machine."""


@pytest.fixture
def running(served: Served, client: OpenAI, backend: Endpoint, tmp_path: Path) -> Any:
    """A batch of LINES, of which HUNG will never be answered and all others have been."""
    backend.fault(kind="hang", times=HUNG)
    batch = submit(client, write_requests(tmp_path / "in.jsonl", LINES))
    return answered(client, batch.id, lines=LINES - HUNG, log=served.log)


def assert_stopped_short(client: OpenAI, batch: Any, *, code: str) -> None:
    """Check that what was answered is there, and that the rest ended with `code`, in OpenAI's shape."""
    assert batch.request_counts.completed == LINES - HUNG
    assert_every_line_once(client, batch, LINES)
    for line in results(client, batch.error_file_id):
        assert list(line) == ["id", "custom_id", "response", "error"]
        assert line["response"] is None
        assert line["error"]["code"] == code
        assert line["error"]["message"]
    assert batch.usage.total_tokens > 0


def test_a_cancelled_batch_keeps_its_finished_lines(served: Served, client: OpenAI, running: Any) -> None:
    cancelling = client.batches.cancel(running.id)
    assert cancelling.status == "cancelling"
    assert cancelling.cancelling_at is not None
    assert client.batches.cancel(running.id).status in {"cancelling", "cancelled"}

    final = ended(client, running.id, log=served.log)
    assert final.status == "cancelled"
    assert_stopped_short(client, final, code="batch_cancelled")
    times = [final.created_at, final.in_progress_at, final.cancelling_at, final.cancelled_at]
    assert times == sorted(times)
    assert (final.completed_at, final.finalizing_at) == (None, None)
    assert client.batches.cancel(running.id).status == "cancelled"


async def _signal(temporal: Client, batch_id: str) -> None:
    await temporal.get_workflow_handle(batch_id).signal("cancel")


async def _cancel(temporal: Client, batch_id: str) -> None:
    await temporal.get_workflow_handle(batch_id).cancel()


@pytest.mark.parametrize("stop", [_signal, _cancel], ids=["signal", "cancel"])
async def test_a_batch_can_be_cancelled_from_the_temporal_ui(
    served: Served,
    client: OpenAI,
    temporal: Client,
    running: Any,
    stop: Callable[[Client, str], Awaitable[None]],
) -> None:
    await stop(temporal, running.id)

    final = ended(client, running.id, log=served.log)
    assert final.status == "cancelled"
    assert_stopped_short(client, final, code="batch_cancelled")


async def test_a_batch_that_was_terminated_is_settled_as_cancelled(
    served: Served, client: OpenAI, temporal: Client, running: Any
) -> None:
    checkpoints = served.data / "objects" / "work" / running.id
    until(lambda: list(checkpoints.rglob("part-*")))

    await temporal.get_workflow_handle(running.id).terminate("by hand")
    await keep_house(temporal)

    final = ended(client, running.id, log=served.log)
    assert final.status == "cancelled"
    assert final.request_counts.completed > 0
    assert_every_line_once(client, final, LINES)
    assert {line["error"]["code"] for line in results(client, final.error_file_id)} == {"batch_cancelled"}


def test_what_has_ended_otherwise_can_not_be_cancelled(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    batch = submit(client, write_requests(tmp_path / "in.jsonl", 1))
    assert ended(client, batch.id, log=served.log).status == "completed"
    failed = ended(client, create(client, "file-of-nobody").id, log=served.log)

    for batch_id, status in ((batch.id, "completed"), (failed.id, "failed")):
        with pytest.raises(ConflictError) as refused:
            client.batches.cancel(batch_id)
        assert refused.value.body == {
            "message": f"Cannot cancel a batch with status '{status}'.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }


async def test_a_batch_whose_window_ends_delivers_what_was_answered(
    served: Served, client: OpenAI, backend: Endpoint, temporal: Client, tmp_path: Path
) -> None:
    backend.fault(kind="hang", times=HUNG)
    order = BatchOrder(
        batch_id=new_batch_id(),
        project="default",
        input_file_id=upload(client, write_requests(tmp_path / "in.jsonl", LINES)),
        endpoint=BatchEndpoint.CHAT_COMPLETIONS,
        # Clients may ask for 24 hours only, so this one is started without the gateway.
        completion_window="24h",
        window=WINDOW,
        created_at=datetime.now(UTC),
    )

    await temporal.start_workflow(BatchWorkflow.run, order, id=order.batch_id, task_queue=queues.BATCHES)

    final = ended(client, order.batch_id, log=served.log)
    assert final.status == "expired"
    assert_stopped_short(client, final, code="batch_expired")
    assert final.expired_at >= final.expires_at == final.created_at + WINDOW.total_seconds()
    assert final.cancelled_at is None
