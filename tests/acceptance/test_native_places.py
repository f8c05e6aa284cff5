"""Jobs that a deployment does not take: for want of room, which is waited for, or for good."""

from pathlib import Path

import pytest
from openai import OpenAI

from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.native import (
    KEY,
    NEVER,
    OLD_KEY,
    Provider,
    assert_done_once,
    assert_nothing_left,
    waiting_on,
)
from tests.acceptance.serving import Served, ended, until

LINES = 9
WAITING = 3


@pytest.mark.parametrize("told", ["late", "400"])
def test_batches_wait_for_room_and_come_one_after_the_other(
    native: Served, sdk: OpenAI, openai: Provider, tmp_path: Path, told: str
) -> None:
    path = write_requests(tmp_path / "in.jsonl", LINES, model=f"narrow-{told}")
    openai.doom(seconds=NEVER)
    before = openai.calls("batches.create")
    running = submit(sdk, path)
    until(lambda: sdk.batches.retrieve(running.id).status == "in_progress", log=native.log)
    # There is room for one such job, and not for two.
    openai.rule(enqueued_tokens=openai.jobs(running)[0]["tokens"] + 1, over_enqueued=told)

    waiting = [submit(sdk, path) for _ in range(WAITING)]
    for batch in waiting:
        until(lambda batch=batch: "nqueued token limit" in waiting_on(sdk, batch), log=native.log)
        assert sdk.batches.retrieve(batch.id).status == "validating"
    # Those that came to a gate that was shut already have asked nobody.
    assert openai.calls("batches.create") - before <= 1 + WAITING
    asked = openai.calls("batches.create")
    openai.let_pass(NEVER)

    for batch in (running, *waiting):
        final = ended(sdk, batch.id, log=native.log)
        assert (final.status, final.request_counts.completed) == ("completed", LINES)
        assert waiting_on(sdk, final) == ""
        assert_every_line_once(sdk, final, LINES)
        assert len([job for job in openai.jobs(final) if job["status"] == "completed"]) == 1
        assert_nothing_left(openai, final)
    # Each of them is taken at once when it is its turn, or finds the one before it still running.
    assert openai.calls("batches.create") - asked <= 2 * WAITING


def test_a_key_that_is_refused_fails_the_batch_and_is_named_by_its_variable_alone(
    native: Served, sdk: OpenAI, openai: Provider, tmp_path: Path
) -> None:
    final = ended(
        sdk, submit(sdk, write_requests(tmp_path / "in.jsonl", LINES, model="locked")).id, log=native.log
    )

    assert (final.status, final.output_file_id, final.error_file_id) == ("failed", None, None)
    (error,) = final.errors.data
    assert error.code == "invalid_api_key"
    assert "deployment 'locked'" in error.message
    assert "OLD_KEY" in error.message
    assert openai.jobs(final) == []
    said = final.to_json() + native.log.read_text()
    assert KEY not in said
    assert OLD_KEY not in said


def test_a_deployment_that_refuses_is_passed_over_for_the_next_and_the_batch_says_why(
    native: Served, sdk: OpenAI, openai: Provider, tmp_path: Path
) -> None:
    final = ended(
        sdk, submit(sdk, write_requests(tmp_path / "in.jsonl", LINES, model="spare")).id, log=native.log
    )

    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    (warning,) = final.model_extra["overnight"]["warnings"]
    assert "deployment 'spare'" in warning
    assert "OLD_KEY" in warning
    assert OLD_KEY not in final.to_json()
    assert_every_line_once(sdk, final, LINES)
    assert_done_once(openai, final)
