"""A batch that a provider runs, with the real OpenAI SDK: files in, a job at the provider, files out."""

from pathlib import Path
from typing import Any

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from simulators.azure import AzureShapes
from simulators.native.refusals import refusal_of
from simulators.native.shapes import Shapes
from simulators.openai import OpenAIShapes
from tests.acceptance.inputs import (
    assert_every_line_once,
    chat,
    submit,
    suffering,
    write_lines,
    write_requests,
)
from tests.acceptance.native import VERSION, Provider, assert_done_once
from tests.acceptance.serving import Served, ended, results

LINES = 9
MODELS = ["night", "azure-v1", "azure-dated"]


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> str:
    """A model at OpenAI, at Azure, or at Azure in its other style of URLs."""
    return str(request.param)


@pytest.fixture
def provider(model: str, openai: Provider, azure: Provider) -> Provider:
    """Whoever runs `model`."""
    return openai if model == "night" else azure


def test_the_whole_life_of_a_batch_at_a_provider(
    native: Served, sdk: OpenAI, model: str, provider: Provider, tmp_path: Path
) -> None:
    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES, model=model), metadata={"team": "night"})
    assert batch.status == "validating"

    final = ended(sdk, batch.id, log=native.log)

    assert (final.status, final.errors, final.error_file_id) == ("completed", None, None)
    assert final.metadata == {"team": "night"}
    moments = [final.created_at, final.in_progress_at, final.finalizing_at, final.completed_at]
    assert moments == sorted(moments)
    assert_every_line_once(sdk, final, LINES)
    bodies = [line["response"]["body"] for line in results(sdk, final.output_file_id)]
    for body in bodies:
        ChatCompletion.model_validate(body, strict=True)
        # Azure answers as the model behind its deployment, which says more than the client's name.
        assert body["model"] == (model if model == "night" else VERSION)
    assert final.usage.input_tokens == sum(body["usage"]["prompt_tokens"] for body in bodies) > 0
    assert final.usage.output_tokens == sum(body["usage"]["completion_tokens"] for body in bodies) > 0
    (job,) = provider.jobs(final)
    assert job["model"] == (VERSION if model == "night" else "gpt-4o-mini")
    (shown,) = final.model_extra["overnight"]["jobs"]
    assert (shown["id"], shown["status"]) == (job["id"], "completed")
    assert "team" not in job["metadata"]
    assert_done_once(provider, final)


def test_what_the_provider_says_of_a_line_is_what_the_client_reads(
    native: Served, sdk: OpenAI, model: str, provider: Provider, tmp_path: Path
) -> None:
    bodies = [chat(f"question {number}", model=model) for number in range(LINES)]
    bodies[2] |= suffering(kind="status", status=400)
    bodies[5] |= suffering(kind="status", status=429)
    bodies[7] |= suffering(kind="hang")
    provider.doom(shuffle=True)

    final = ended(sdk, submit(sdk, write_lines(tmp_path / "in.jsonl", bodies)).id, log=native.log)

    assert (final.status, final.request_counts.failed) == ("completed", 3)
    assert final.model_extra["overnight"]["warnings"] == []
    assert_every_line_once(sdk, final, LINES)
    refused, limited, silent = results(sdk, final.error_file_id)
    shapes: Shapes = OpenAIShapes() if model == "night" else AzureShapes()
    for line, status in ((refused, 400), (limited, 429)):
        assert line["error"] is None
        assert line["response"]["status_code"] == status
        assert (status, line["response"]["body"]) == shapes.refusal(refusal_of(status))
    assert silent["response"] is None
    assert silent["error"]["code"] == "request_timeout"
    assert_done_once(provider, final)


@pytest.mark.parametrize(
    ("fate", "told"),
    [
        ({"duplicate_every": 2}, (0, ["4 results too many"])),
        ({"fail_every": 3, "fail_status": 503}, (3, [])),
    ],
    ids=["duplicated", "failed"],
)
def test_shuffled_results_end_up_as_one_outcome_a_line(
    native: Served, openai: Provider, tmp_path: Path, fate: dict[str, Any], told: tuple[int, list[str]]
) -> None:
    failed, words = told
    sdk = native.client
    openai.doom(shuffle=True, **fate)

    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES))
    final = ended(sdk, batch.id, every=0.2, log=native.log)

    assert (final.status, final.request_counts.failed) == ("completed", failed)
    assert_every_line_once(sdk, final, LINES)
    warnings = final.model_extra["overnight"]["warnings"]
    assert [word in warning for word, warning in zip(words, warnings, strict=True)] == [True] * len(words)
    assert_done_once(openai, final)


@pytest.mark.parametrize(
    "fault",
    [
        {"verb": "files.content", "kind": "reject", "reason": "unknown_file", "times": 3},
        {"verb": "files.content", "kind": "html", "status": 404, "times": 2},
    ],
    ids=["unknown", "behind a page"],
)
def test_results_that_are_not_to_be_seen_at_first_are_waited_for(
    native: Served, sdk: OpenAI, openai: Provider, tmp_path: Path, fault: dict[str, Any]
) -> None:
    openai.fault(**fault)

    batch = submit(sdk, write_requests(tmp_path / "in.jsonl", LINES))
    final = ended(sdk, batch.id, log=native.log)

    assert (final.status, final.request_counts.failed) == ("completed", 0)
    assert final.model_extra["overnight"]["warnings"] == []
    assert_every_line_once(sdk, final, LINES)
    assert_done_once(openai, final)


def test_a_job_that_the_provider_finds_fault_with_fails_with_our_line_numbers(
    native: Served, sdk: OpenAI, openai: Provider, tmp_path: Path
) -> None:
    path = write_requests(tmp_path / "in.jsonl", 3)
    first, second, third = path.read_text().splitlines()
    # A blank line counts in the client's file, and is not in the provider's.
    path.write_text(f"{first}\n\n{second}\n{third}\n")
    openai.rule(models=["another"])

    final = ended(sdk, submit(sdk, path).id, log=native.log)

    assert (final.status, final.output_file_id, final.error_file_id) == ("failed", None, None)
    assert [(error.code, error.line) for error in final.errors.data] == [
        ("model_not_found", 1),
        ("model_not_found", 3),
        ("model_not_found", 4),
    ]
    assert_done_once(openai, final)
