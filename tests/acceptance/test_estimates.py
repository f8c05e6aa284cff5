"""What an estimate says of a batch, beside what a real model then counts."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import OpenAI

from overnight.pricing.estimating import ASSUMED_ERROR, LEARNT_FROM
from tests.acceptance.conftest import Serve
from tests.acceptance.inputs import chat, submit, upload, write_lines
from tests.acceptance.serving import KEY, Served, ended

CHECKOUT = Path(__file__).parents[2]
MODEL = "smollm2-135m"
CONFIG = """
model_list:
  - model_name: smollm2-135m
    litellm_params: {{model: hosted_vllm/smollm2-135m, api_base: "{api_base}", max_parallel_requests: 4}}
    model_info: {{input_cost_per_token: 0.000001, output_cost_per_token: 0.000002}}
"""

NIGHTS = LEARNT_FROM + 1

ASKED = (
    "Summarize in one sentence why {subject} matters to people who live by the sea.",
    "Write a polite e-mail to a colleague, and ask for the latest figures about {subject}.",
    "List three facts about {subject}, and say for each where you have it from.",
    'Answer in JSON, as in {{"topic": "...", "year": 1969}}: what is {subject} known for?',
    "Translate into German: they have talked about {subject} all night long.",
    "A customer writes: “I was charged twice (€ 19.99) for {subject}!” Is that a complaint?",
)
SUBJECTS = (
    "the price of tomatoes",
    "a lighthouse that nobody has kept since 1987",
    "photosynthesis",
    "the second law of thermodynamics",
    "secondhand bicycles",
    "public libraries in small towns",
    "the migration of Arctic terns",
    "machine translation",
)


@pytest.fixture(scope="module")
def model_server() -> Iterator[str]:
    """Where a real model of a vocabulary that is not OpenAI's is served, in a process of its own."""
    command = [sys.executable, "examples/model_server.py"]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield next(line.split(" at ")[1].strip() for line in process.stdout if " at http" in line)
        process.send_signal(signal.SIGTERM)


def requests(folder: Path, number: int) -> Path:
    """The lines of one night: of the same kind as another's, and none of them the same."""
    prompts = [asked.format(subject=subject) for asked, subject in product(ASKED, SUBJECTS)]
    tonight = prompts[number::NIGHTS]
    return write_lines(
        folder / f"{number}.jsonl", (chat(prompt, model=MODEL, max_tokens=2) for prompt in tonight)
    )


def estimated(served: Served, client: OpenAI, path: Path) -> Any:
    body = {
        "input_file_id": upload(client, path),
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    answer = httpx2.post(
        f"{served.url}/v1/batches/estimate",
        json=body,
        headers={"Authorization": f"Bearer {KEY}"},
        timeout=60,
        trust_env=False,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_a_real_model_reads_is_within_the_error_that_its_past_batches_taught(
    begin: Serve, model_server: str, tmp_path: Path
) -> None:
    with begin("estimating", config=CONFIG.format(api_base=model_server)) as served, served.client as client:
        for number in range(NIGHTS):
            path = requests(tmp_path, number)
            estimate = estimated(served, client, path)
            batch = ended(client, submit(client, path).id, seconds=600, log=served.log)
            assert batch.request_counts.failed == 0, batch
            assert estimate["input_error"]["measured_on_batches"] == number
            # Before the first there is only an approximation, made for other models.
            if number:
                assert_holds(estimate, batch)
    tokens = estimate["input_tokens"]
    assert tokens["high"] - tokens["low"] < tokens["likely"] * ASSUMED_ERROR


def assert_holds(estimate: Any, batch: Any) -> None:
    tokens, cost = estimate["input_tokens"], estimate["cost_usd"]
    assert tokens["low"] <= batch.usage.input_tokens <= tokens["high"]
    assert float(cost["low"]) <= float(batch.overnight["cost_usd"]) <= float(cost["high"])
