"""Batches that stop early while a provider runs them: it is told, and what it has finished is delivered."""

from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI

from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.native import NEVER, Provider, assert_nothing_left, assert_stopped_short
from tests.acceptance.serving import Served, answered, ended, until

LINES = 10
DONE = 5


EITHER = ["night", "azure-dated"]
"""A model at either provider."""


@pytest.mark.parametrize("model", EITHER)
def test_a_cancelled_batch_waits_for_its_provider_and_keeps_what_that_has_finished(
    native: Served, sdk: OpenAI, model: str, provider: Provider, tmp_path: Path
) -> None:
    provider.doom(stuck_at=DONE / LINES, cancelling_seconds=NEVER)
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES, model=model))
    answered(sdk, batch.id, lines=DONE, log=native.log)

    assert sdk.batches.cancel(batch.id).status == "cancelling"
    until(lambda: provider.jobs(batch)[0]["status"] == "cancelling", log=native.log)
    until(lambda: _shown_job(sdk, batch) == "cancelling", log=native.log)
    assert sdk.batches.retrieve(batch.id).status == "cancelling"
    provider.let_pass(NEVER)

    final = ended(sdk, batch.id, log=native.log)
    assert final.status == "cancelled"
    assert_stopped_short(sdk, final, done=DONE, of=LINES, code="batch_cancelled")
    assert provider.jobs(final)[0]["cancelled_by"] == "overnight"
    assert_nothing_left(provider, final)


@pytest.mark.parametrize("model", EITHER)
def test_a_batch_that_is_cancelled_before_it_has_a_job_leaves_none_running(
    native: Served, sdk: OpenAI, model: str, provider: Provider, tmp_path: Path
) -> None:
    created = provider.calls("batches.create")
    provider.fault(verb="batches.create", kind="delay", seconds=1, done=True, times=1)
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES, model=model))
    until(lambda: provider.calls("batches.create") > created, log=native.log)

    sdk.batches.cancel(batch.id)

    final = ended(sdk, batch.id, log=native.log)
    assert final.status == "cancelled"
    assert_every_line_once(sdk, final, LINES)
    assert all(job["status"] in {"cancelled", "completed"} for job in provider.jobs(final))
    assert len(provider.jobs(final)) == 1
    assert_nothing_left(provider, final)


def test_a_job_that_expires_delivers_what_it_has_finished(
    native: Served, sdk: OpenAI, model: str, provider: Provider, tmp_path: Path
) -> None:
    provider.doom(expire_at=DONE / LINES)

    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES, model=model))
    final = ended(sdk, batch.id, log=native.log)

    assert final.status == "expired"
    assert final.expired_at is not None
    assert_stopped_short(sdk, final, done=DONE, of=LINES, code="batch_expired")
    assert_nothing_left(provider, final)


def _shown_job(sdk: OpenAI, batch: Any) -> str:
    extension: Any = sdk.batches.retrieve(batch.id).model_extra
    (job,) = extension["overnight"]["jobs"]
    return str(job["status"])
