"""OpenAI's own webhook ends a batch long before anybody would have looked at its job again."""

import secrets
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.native import KEYS, NEVER, Provider, assert_done_once, config
from tests.acceptance.serving import READY_WITHIN_SECONDS, Served, ended, until

LINES = 5
POLL_SECONDS = 20 * READY_WITHIN_SECONDS
"""So that a test that passes can't have waited for a poll."""


@pytest.fixture
def reporting(tmp_path: Path) -> Iterator[tuple[Served, Provider]]:
    """An `overnight serve` that seldom looks, and an OpenAI that reports to it."""
    secret = "whsec_" + b64encode(secrets.token_bytes(24)).decode()
    with Provider("openai", "--webhook-secret", secret) as openai:
        seldom = config(openai, poll_initial_seconds=POLL_SECONDS, poll_max_seconds=POLL_SECONDS)
        served = Served(tmp_path, config=seldom, environ={**KEYS, "OPENAI_WEBHOOK_SECRET": secret})
        openai.rule(webhook_url=f"{served.url}/webhooks/openai")
        try:
            yield served.start(), openai
        finally:
            served.stop()


def test_a_signed_webhook_ends_a_batch_between_two_polls(
    reporting: tuple[Served, Provider], tmp_path: Path
) -> None:
    served, openai = reporting
    openai.doom(validating_seconds=NEVER)
    batch = submit(served.client, write_requests(tmp_path / "in.jsonl", LINES))
    # The job has been looked at, and found as it was; the next look is far away.
    until(lambda: openai.calls("batches.retrieve") >= 2, log=served.log)

    openai.let_pass(NEVER)

    final = ended(served.client, batch.id, log=served.log)
    assert (final.status, final.request_counts.completed) == ("completed", LINES)
    assert_every_line_once(served.client, final, LINES)
    (delivery,) = openai.look()["webhooks"]
    assert (delivery["type"], delivery["status"]) == ("batch.completed", 200)
    assert_done_once(openai, final)
