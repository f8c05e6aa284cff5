"""Whatever is killed or lost while a provider is asked: in the end it has run one job, and keeps no file."""

from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.native import (
    LIST_LAG_SECONDS,
    SPEED,
    Provider,
    assert_done_once,
    deaths_to_come,
    order_deaths,
)
from tests.acceptance.serving import Served, ended, until

LINES = 9
UPLOADING = ("the upload was taken",)
SUBMITTING = ("the create was accepted", "the job was noted")
ENDING = ("in the middle of the download", "before a file is deleted")
MAYBE: dict[str, dict[str, Any]] = {
    "the answer is lost": {"kind": "lose_answer"},
    "the answer is a 500": {"kind": "status", "status": 500, "done": True},
    "the answer is a gateway's page": {"kind": "html", "status": 502, "done": True},
    "nothing was created": {"kind": "drop"},
}


# Each death costs the ten seconds for which it is not believed, so both styles of Azure's URLs share them.
@pytest.mark.parametrize(
    ("model", "points"),
    [
        *(("night", points) for points in (UPLOADING, SUBMITTING, ENDING)),
        ("azure-dated", UPLOADING),
        ("azure-dated", SUBMITTING),
        ("azure-v1", ENDING),
    ],
    ids=lambda given: given if isinstance(given, str) else ", ".join(given),
)
def test_a_killed_worker_leaves_one_job_and_no_file(
    *, native: Served, sdk: OpenAI, provider: Provider, tmp_path: Path, model: str, points: tuple[str, ...]
) -> None:
    order_deaths(native.folder, *points)

    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES, model=model))
    # A worker is believed to be alive for ten seconds after its death.
    final = ended(sdk, batch.id, every=0.5, log=native.log)
    until(lambda: deaths_to_come(native.folder) == 0, log=native.log)

    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    assert_every_line_once(sdk, final, LINES)
    assert_done_once(provider, final)


@pytest.mark.parametrize("fault", MAYBE.values(), ids=MAYBE.keys())
def test_a_create_that_may_have_been_accepted_is_not_repeated_blindly(
    native: Served, sdk: OpenAI, openai: Provider, tmp_path: Path, fault: dict[str, Any]
) -> None:
    openai.fault(verb="batches.create", times=1, **fault)
    # When the create is tried again, the list does not yet show what the first try has made.
    openai.doom(list_after_seconds=(LIST_LAG_SECONDS - 0.5) * SPEED)

    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES))
    final = ended(sdk, batch.id, every=0.2, log=native.log)

    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    assert_every_line_once(sdk, final, LINES)
    assert len(openai.jobs(final)) == 1
    assert_done_once(openai, final)
