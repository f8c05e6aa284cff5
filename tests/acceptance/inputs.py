"""Inputs for batches, and what must be true of their results."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from openai import OpenAI

from tests.acceptance.serving import results

CHAT = "/v1/chat/completions"


def write_requests(path: Path, count: int, *, model: str = "night", **body: Any) -> Path:
    """Write `count` chat requests with distinct prompts."""
    return write_lines(path, (chat(f"question {number}", model=model, **body) for number in range(count)))


def write_lines(path: Path, bodies: Iterable[dict[str, Any]], *, endpoint: str = CHAT) -> Path:
    """Write one request for each of `bodies`; their ids are r-0, r-1 and so on."""
    with path.open("w") as file:
        for number, body in enumerate(bodies):
            line = {"custom_id": f"r-{number}", "method": "POST", "url": endpoint, "body": body}
            file.write(json.dumps(line) + "\n")
    return path


def chat(prompt: str, *, model: str = "night", **body: Any) -> dict[str, Any]:
    """Return the body of a chat request."""
    return {"model": model, "messages": [{"role": "user", "content": prompt}], **body}


def suffering(**fault: Any) -> dict[str, Any]:
    """Return the part of a body that makes the simulator do this to this one request."""
    return {"metadata": {"fault": json.dumps(fault)}}


def upload(client: OpenAI, path: Path) -> str:
    """Upload the file and return its id."""
    with path.open("rb") as content:
        return client.files.create(file=content, purpose="batch").id


def create(client: OpenAI, input_file_id: str, *, endpoint: Any = CHAT, **extra: Any) -> Any:
    """Create a batch of an uploaded file."""
    return client.batches.create(
        input_file_id=input_file_id, endpoint=endpoint, completion_window="24h", **extra
    )


def submit(client: OpenAI, path: Path, **extra: Any) -> Any:
    """Upload the file and create a batch of it."""
    return create(client, upload(client, path), **extra)


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
