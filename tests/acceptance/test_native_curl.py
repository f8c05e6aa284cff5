"""The curl lines that people already have, for a model that a provider's own batch API runs."""

import json
from pathlib import Path
from typing import Any

from openai import OpenAI

from tests.acceptance.inputs import write_requests
from tests.acceptance.native import Provider, assert_done_once
from tests.acceptance.serving import Served, ended
from tests.acceptance.test_curl import CREATE, LIST, RETRIEVE, UPLOAD, said


def test_the_lines_of_the_page_have_a_provider_run_a_batch(
    native: Served, sdk: OpenAI, openai: Provider, tmp_path: Path
) -> None:
    write_requests(tmp_path / "mydata.jsonl", 3)

    def run(command: str, **ids: str) -> Any:
        text = command.replace("localhost:4000", f"localhost:{native.port}")
        text = text.replace("file-abc123", ids.get("file", "")).replace("batch_abc123", ids.get("batch", ""))
        return json.loads(said(text, folder=tmp_path))

    batch = run(CREATE, file=run(UPLOAD)["id"])
    final = ended(sdk, batch["id"], log=native.log)

    retrieved = run(RETRIEVE, batch=batch["id"])
    assert retrieved["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
    assert [each["id"] for each in run(LIST)["data"]][:1] == [batch["id"]]
    assert [job["id"] for job in openai.jobs(final)] == [retrieved["overnight"]["jobs"][0]["id"]]
    assert_done_once(openai, final)
