"""Kill -9 anything at any moment, start it again on the same folder: every line ends exactly once."""

from pathlib import Path

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.serving import ended
from tests.acceptance.simulated import Endpoint

KILLING = str(Path(__file__).with_name("killing"))
LINES = 1_200
PARALLEL = 8
CHECKPOINT_LINES = 200
"""Answers that can be lost with a checkpoint that was not written yet."""

POINTS = {
    "in the middle of ingest": "overnight.jsonl:Inspector.feed:1",
    "in the middle of a chunk": "overnight.line_lane.checkpoint:encode_outcome:500",
    "before a shard is sealed": "activities.lines:Lines.seal_shard:1",
    "in the middle of collect": "activities.collect:Collect._one_after_the_other:1",
    "after the output file and before its row": "overnight.catalog.catalog:Catalog.add_file:1",
    "before the last status": "overnight.catalog.catalog:Catalog.record:3",
}


def killing(tmp_path: Path, point: str) -> dict[str, str]:
    return {"PYTHONPATH": KILLING, "KILL_AT": point, "KILL_MARK": str(tmp_path / "killed")}


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())
def test_a_power_cut_costs_no_line(serve: Serve, tmp_path: Path, endpoint: Endpoint, point: str) -> None:
    served = serve(parallel=PARALLEL, **killing(tmp_path, point))
    batch = submit(served.client, write_requests(tmp_path / "in.jsonl", LINES))
    served.wait_dead()
    assert (tmp_path / "killed").exists()

    served.start()

    final = ended(served.client, batch.id, log=served.log)
    assert final.status == "completed"
    assert_every_line_once(served.client, final, LINES)
    assert final.request_counts.failed == 0
    assert endpoint.arrivals() <= LINES + PARALLEL + CHECKPOINT_LINES
