"""The power goes while a provider has work of ours; once it is back, one job is run and no file stays."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from openai import APIConnectionError

from tests.acceptance.conftest import Serve
from tests.acceptance.deaths import losing_power, power_was_lost
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.native import KEYS, POINTS, Provider, assert_done_once, config
from tests.acceptance.serving import Served, ended, until

LINES = 9
AT = {
    "in the middle of the upload": "overnight.native_lane.job_input:JobInput.content:2",
    "the create was accepted": POINTS["the create was accepted"],
    "in the middle of the download": POINTS["in the middle of the download"],
    "before the last status is written": "overnight.catalog.catalog:Catalog.write:3",
}
"""Where the power goes. The input's only block is read twice: to be measured, and to be sent."""


@pytest.fixture
def serve(tmp_path: Path, openai: Provider) -> Iterator[Serve]:
    """Return what starts an `overnight serve` in front of `openai`, in a folder of its own."""
    served = Served(tmp_path, config=config(openai), environ=KEYS)
    yield served.start
    served.stop()


@pytest.mark.parametrize("point", AT.values(), ids=AT.keys())
def test_a_power_cut_leaves_one_job_and_no_file(
    serve: Serve, openai: Provider, tmp_path: Path, point: str
) -> None:
    served = serve(**losing_power(tmp_path, point))
    with suppress(APIConnectionError):
        submit(served.client, write_requests(tmp_path / "in.jsonl", LINES))
    served.wait_dead()
    assert power_was_lost(tmp_path)

    serve()

    (batch,) = until(lambda: served.client.batches.list().data, log=served.log)
    final = ended(served.client, batch.id, every=0.5, log=served.log)
    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    assert_every_line_once(served.client, final, LINES)
    assert_done_once(openai, final)
