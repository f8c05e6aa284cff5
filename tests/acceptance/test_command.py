"""The `overnight` command as a person types it, against a running `overnight serve`."""

import json
import re
import signal
import subprocess
from pathlib import Path

import pytest
from openai import OpenAI

from tests.acceptance.command_line import OVERNIGHT, PATIENCE_SECONDS, environment, overnight
from tests.acceptance.inputs import chat, submit, suffering, write_lines, write_requests
from tests.acceptance.serving import Served, answered, ended
from tests.acceptance.simulated import Endpoint
from tests.emulators.s3 import S3Server
from tests.ports import free_port

CHECKOUT = Path(__file__).parents[2]
LINES = 12
HUNG = 3

LITELLM_CONFIG = """
model_list:
  - model_name: vllm-model
    litellm_params:
      model: openai/facebook/opt-125m # the `openai/` prefix tells litellm it's openai compatible
      api_base: http://0.0.0.0:4000/v1
      api_key: none

batch_settings:
  # Configure S3 for batch file storage
  model: vllm-model
  batch_storage_params:
    s3_bucket_name: my-batch-bucket   # AWS Bucket Name for S3
    s3_region_name: us-west-2         # AWS Region Name for S3
    s3_aws_access_key_id: os.environ/AWS_ACCESS_KEY_ID           # AWS Access Key ID for S3
    s3_aws_secret_access_key: os.environ/AWS_SECRET_ACCESS_KEY   # AWS Secret Access Key for S3
"""
"""The configuration that LiteLLM's page on batches shows, word for word."""


def ids_in(path: Path) -> list[str]:
    return [json.loads(line)["custom_id"] for line in path.read_text().splitlines()]


def test_submit_waits_and_writes_both_files_in_input_order(served: Served, tmp_path: Path) -> None:
    fates = [suffering(kind="status", status=400) if number % 5 == 3 else {} for number in range(LINES)]
    bodies = [chat(f"question {number}", **fate) for number, fate in enumerate(fates)]
    path, target = write_lines(tmp_path / "in.jsonl", bodies), tmp_path / "out.jsonl"

    out, err = overnight("submit", path, "--wait", "-o", target, "--metadata", "team=night", url=served.url)

    batch_id = out.strip()
    assert f"{batch_id} completed: 10 of 12 lines answered, 2 failed" in err
    failed = ["r-3", "r-8"]
    assert ids_in(target) == [f"r-{number}" for number in range(LINES) if f"r-{number}" not in failed]
    assert ids_in(tmp_path / "out.errors.jsonl") == failed

    shown, _ = overnight("show", batch_id, url=served.url)
    assert re.search(r"lines +12 of 12 done, 2 of them failed", shown)
    assert re.search(r"metadata\.team +night", shown)
    printed, _ = overnight("results", batch_id, url=served.url)
    assert printed == target.read_text()
    errors, _ = overnight("results", batch_id, "--errors", url=served.url)
    assert errors == (tmp_path / "out.errors.jsonl").read_text()
    listed, _ = overnight("list", "--limit", "1", url=served.url)
    assert batch_id in listed
    assert "completed" in listed


def test_a_batch_is_submitted_watched_and_cancelled(
    served: Served, client: OpenAI, backend: Endpoint, tmp_path: Path
) -> None:
    backend.fault(kind="hang", times=HUNG)
    out, _ = overnight("submit", write_requests(tmp_path / "in.jsonl", LINES), url=served.url)
    batch_id = out.strip()
    answered(client, batch_id, lines=LINES - HUNG, log=served.log)

    _, early = overnight("results", batch_id, url=served.url, code=1)
    assert early.strip() == f"overnight: {batch_id} is in_progress; its results are there when it has ended"
    cancelled, _ = overnight("cancel", batch_id, url=served.url)
    _, watched = overnight("watch", batch_id, "-o", tmp_path / "out.jsonl", url=served.url, code=1)

    assert cancelled.strip() == f"{batch_id} cancelling"
    assert f"{batch_id} cancelled: {LINES - HUNG} of {LINES} lines answered, {HUNG} failed" in watched
    assert len(ids_in(tmp_path / "out.jsonl")) == LINES - HUNG


def test_ctrl_c_off_a_terminal_leaves_the_batch_running(
    served: Served, client: OpenAI, backend: Endpoint, tmp_path: Path
) -> None:
    backend.fault(kind="hang", times=HUNG)
    path = write_requests(tmp_path / "in.jsonl", LINES)

    with subprocess.Popen(
        [OVERNIGHT, "submit", str(path), "--wait"],
        env=environment(OVERNIGHT_URL=served.url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stdout is not None
        batch_id = waiting.stdout.readline().strip()
        answered(client, batch_id, lines=LINES - HUNG, log=served.log)
        waiting.send_signal(signal.SIGINT)
        _, err = waiting.communicate(timeout=PATIENCE_SECONDS)

    assert waiting.returncode == 130
    assert f"{batch_id} runs on. Look in again with: overnight watch {batch_id}" in err
    assert client.batches.retrieve(batch_id).status == "in_progress"
    backend.restart()
    assert ended(client, batch_id, log=served.log).request_counts.completed == LINES


def test_a_failed_batch_says_what_is_wrong_with_which_line(served: Served, tmp_path: Path) -> None:
    path = write_lines(tmp_path / "in.jsonl", [chat("hello"), chat("hello", stream=True)])

    out, err = overnight("submit", path, "--wait", url=served.url, code=1)

    assert f"{out.strip()} failed" in err
    assert "line 2: Chat Completions: Streaming is not supported in the Batch API." in err


def test_a_gateway_that_is_not_there_is_one_clear_line() -> None:
    url = f"http://127.0.0.1:{free_port()}"

    out, err = overnight("list", url=url, code=1)

    assert out == ""
    (line,) = err.splitlines()
    assert line.startswith(f"overnight: nobody answers at {url}")
    assert "overnight serve" in line


def test_a_second_serve_on_one_data_folder_is_refused_and_names_the_first(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    holder = json.loads((served.data / "serve.json").read_text())["pid"]

    _, err = overnight(
        *("serve", "--config", "config.yaml", "--port", free_port()), cwd=served.folder, code=1
    )

    assert f"is in use by another `overnight serve` (pid {holder})" in err
    final = ended(client, submit(client, write_requests(tmp_path / "in.jsonl", 1)).id, log=served.log)
    assert final.status == "completed"


def test_check_understands_the_example(tmp_path: Path) -> None:
    out, err = overnight("check", CHECKOUT / "examples" / "config.yaml", cwd=tmp_path)

    assert re.search(r"smollm2-135m +hosted_vllm/smollm2-135m +lines +http://127.0.0.1:8080/v1 +4", out)
    assert err == ""


def test_check_accepts_litellms_page_and_says_what_it_means_here(s3: S3Server, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(LITELLM_CONFIG)
    keys = {"AWS_ACCESS_KEY_ID": "AKIA-night", "AWS_SECRET_ACCESS_KEY": "secret-night"}
    where = {"LocationConstraint": "us-west-2"}
    s3.client().create_bucket(Bucket="my-batch-bucket", CreateBucketConfiguration=where)

    out, err = overnight("check", "config.yaml", cwd=tmp_path, keys={**keys, "AWS_ENDPOINT_URL": s3.url})

    assert re.search(r"vllm-model \(default\) +openai/facebook/opt-125m +lines +http://0.0.0.0:4000/v1", out)
    assert "the S3 bucket 'my-batch-bucket'" in out
    assert "this gateway itself" in err
    assert not any(secret in out + err for secret in keys.values())


def test_check_names_a_variable_that_is_missing(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(LITELLM_CONFIG)

    keys = {"AWS_ACCESS_KEY_ID": "AKIA-night"}

    _, err = overnight("check", "config.yaml", cwd=tmp_path, code=1, keys=keys)

    assert "AWS_SECRET_ACCESS_KEY" in err


@pytest.mark.parametrize("command", ["show", "watch", "cancel", "results"])
def test_a_batch_that_is_not_there_is_one_clear_line(served: Served, command: str) -> None:
    _, err = overnight(command, "batch_of_nobody", url=served.url, code=1)

    (line,) = err.splitlines()
    assert line.startswith("overnight: ")
    assert "batch_of_nobody" in line
