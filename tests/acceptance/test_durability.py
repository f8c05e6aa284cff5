"""Kill -9 anything at any moment, start it again on the same folder: every line ends exactly once."""

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from openai import APIConnectionError

from tests.acceptance.conftest import Serve
from tests.acceptance.deaths import losing_power, power_was_lost
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.serving import Served, ended, until
from tests.acceptance.simulated import Endpoint

LINES = 1_200
PARALLEL = 8
CHECKPOINT_LINES = 200
SLOW_SECONDS = 0.05
"""What the endpoint takes for an answer where a batch is to be caught in the middle."""

POINTS = {
    "in the middle of ingest": "overnight.jsonl.inspector:Inspector.feed:1",
    "in the middle of a chunk": "overnight.line_lane.checkpoint:CheckpointWriter.add:500",
    "before a shard is sealed": "activities.seal:seal_shard:1",
    "in the middle of collect": "activities.collect:Collect._one_after_the_other:1",
    "after the output file and before its row": "activities.collect:batch_file:1",
    "before the last status is written": "overnight.catalog.catalog:Catalog.write:3",
}


def moving(served: Served, batch_id: str) -> Any:
    """Wait until some lines, and not all, have an outcome."""

    def some() -> Any:
        counts = served.client.batches.retrieve(batch_id).request_counts
        return counts if counts.completed > 0 else None

    counts = until(some, log=served.log)
    assert counts.completed < LINES
    return counts


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())
def test_a_power_cut_costs_no_line(serve: Serve, tmp_path: Path, endpoint: Endpoint, point: str) -> None:
    served = serve(parallel=PARALLEL, **losing_power(tmp_path, point))
    with suppress(APIConnectionError):
        submit(served.client, write_requests(tmp_path / "in.jsonl", LINES))
    served.wait_dead()
    assert power_was_lost(tmp_path)

    served.start()

    (batch,) = until(lambda: served.client.batches.list().data, log=served.log)
    final = ended(served.client, batch.id, log=served.log)
    assert final.status == "completed"
    assert_every_line_once(served.client, final, LINES)
    assert final.request_counts.failed == 0
    assert endpoint.seen()["total"] <= LINES + PARALLEL + CHECKPOINT_LINES


def test_a_batch_whose_gateway_died_before_the_row_was_written_is_there(serve: Serve, tmp_path: Path) -> None:
    served = serve(**losing_power(tmp_path, "api.creation:_picture:1"))
    with pytest.raises(APIConnectionError):
        submit(served.client, write_requests(tmp_path / "in.jsonl", 20))
    served.wait_dead()

    served.start()

    batches = until(lambda: served.client.batches.list().data, log=served.log)
    assert len(batches) == 1
    final = ended(served.client, batches[0].id, log=served.log)
    assert_every_line_once(served.client, final, 20)


def test_a_power_cut_during_a_cancel_keeps_what_was_answered(
    serve: Serve, tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.fault(kind="delay", seconds=SLOW_SECONDS)
    served = serve(parallel=PARALLEL, **losing_power(tmp_path, "activities.seal:seal_shard:1"))
    batch = submit(served.client, write_requests(tmp_path / "in.jsonl", LINES))
    moving(served, batch.id)

    assert served.client.batches.cancel(batch.id).status == "cancelling"
    served.wait_dead()
    served.start()

    final = ended(served.client, batch.id, log=served.log)
    assert final.status == "cancelled"
    assert final.request_counts.completed > 0
    assert_every_line_once(served.client, final, LINES)


@pytest.mark.parametrize("part", ["gateway", "worker", "temporal"])
def test_killing_one_process_stops_nothing_for_good(
    serve: Serve, tmp_path: Path, endpoint: Endpoint, part: str
) -> None:
    endpoint.fault(kind="delay", seconds=SLOW_SECONDS)
    served = serve(parallel=PARALLEL)
    batch = submit(served.client, write_requests(tmp_path / "in.jsonl", LINES))
    moving(served, batch.id)

    served.kill(part)

    final = ended(served.client, batch.id, log=served.log)
    assert final.status == "completed"
    assert_every_line_once(served.client, final, LINES)
    assert endpoint.seen()["total"] <= LINES + PARALLEL + CHECKPOINT_LINES


def test_an_endpoint_that_restarts_in_the_middle_costs_no_line(
    serve: Serve, tmp_path: Path, endpoint: Endpoint
) -> None:
    endpoint.fault(kind="delay", seconds=SLOW_SECONDS)
    served = serve(parallel=PARALLEL)
    batch = submit(served.client, write_requests(tmp_path / "in.jsonl", LINES))
    moving(served, batch.id)

    endpoint.stop()
    waiting = until(lambda: _waiting_on(served, batch.id), log=served.log)
    assert "connection" in waiting
    endpoint.start()

    final = ended(served.client, batch.id, log=served.log)
    assert (final.status, final.request_counts.failed) == ("completed", 0)
    assert_every_line_once(served.client, final, LINES)


def _waiting_on(served: Served, batch_id: str) -> str | None:
    extension: Any = served.client.batches.retrieve(batch_id).model_extra
    return extension["overnight"]["waiting_on"] if extension else None
