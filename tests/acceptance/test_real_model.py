"""A real language model answers a real batch: what `make demo` shows, checked."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from openai import OpenAI
from openai.types.chat import ChatCompletion

from tests.acceptance.inputs import submit
from tests.acceptance.serving import Served, ended, results

EXAMPLES = Path(__file__).parents[2] / "examples"
MODEL = "smollm2-135m"


@pytest.fixture
def model(model_port: int) -> Iterator[None]:
    """The model of the examples, where the shared `overnight serve` looks for it."""
    command = [sys.executable, str(EXAMPLES / "model_server.py"), "--port", str(model_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None
        try:
            assert any(" at http" in line for line in process.stdout)
            yield
        finally:
            process.terminate()


@pytest.mark.usefixtures("model")
def test_a_real_model_answers_every_request_in_input_order(served: Served, client: OpenAI) -> None:
    requests = EXAMPLES / "requests.jsonl"
    asked = [json.loads(line)["custom_id"] for line in requests.read_text().splitlines()]

    final = ended(client, submit(client, requests).id, log=served.log)

    assert final.status == "completed"
    assert final.request_counts.model_dump() == {"total": 20, "completed": 20, "failed": 0}
    lines = results(client, final.output_file_id)
    assert [line["custom_id"] for line in lines] == asked
    answers = [ChatCompletion.model_validate(line["response"]["body"]) for line in lines]
    for answer in answers:
        assert (answer.choices[0].message.content or "").strip()
        assert answer.usage is not None
        assert answer.usage.prompt_tokens > 0
        assert answer.usage.completion_tokens > 0
    assert final.usage.total_tokens == sum(answer.usage.total_tokens for answer in answers if answer.usage)
    assert final.model == MODEL
