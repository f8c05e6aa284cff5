"""Inputs for batches, and what must be true of their results."""

import json
from pathlib import Path
from typing import Any

from openai import OpenAI

from tests.acceptance.serving import results


def write_requests(path: Path, count: int, *, model: str = "night", **body: Any) -> Path:
    """Write `count` chat requests with distinct prompts."""
    with path.open("w") as file:
        for number in range(count):
            messages = [{"role": "user", "content": f"question {number}"}]
            line = {
                "custom_id": f"r-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": {"model": model, "messages": messages, **body},
            }
            file.write(json.dumps(line) + "\n")
    return path


def submit(client: OpenAI, path: Path, **extra: Any) -> Any:
    """Upload the file and create a batch of it."""
    with path.open("rb") as content:
        uploaded = client.files.create(file=content, purpose="batch")
    return client.batches.create(
        input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h", **extra
    )


def assert_every_line_once(client: OpenAI, batch: Any, count: int) -> None:
    """Check that each of the `count` requests has exactly one outcome, in input order within its file."""
    output = [line["custom_id"] for line in results(client, batch.output_file_id)]
    errors = [line["custom_id"] for line in results(client, batch.error_file_id)]
    expected = [f"r-{number}" for number in range(count)]
    assert sorted(output + errors, key=_number) == expected
    for ids in (output, errors):
        assert ids == sorted(ids, key=_number)
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (count, len(output), len(errors))


def _number(custom_id: str) -> int:
    return int(custom_id.removeprefix("r-"))
