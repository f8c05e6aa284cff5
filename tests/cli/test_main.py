"""The command itself: what it offers, what it loads, what `check` and `simulate` say."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import httpx2
import pytest

import cli
from tests.cli.conftest import Overnight
from tests.ports import free_port

CODE = Path(cli.__file__).parent.parent
PYTHON = [sys.executable, "-P"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(CODE)}

SEED_PAGE = """
model_list:
  - model_name: vllm-model
    litellm_params:
      model: openai/facebook/opt-125m
      api_base: http://0.0.0.0:4000/v1
      api_key: none
batch_settings:
  model: vllm-model
  batch_storage_params:
    s3_bucket_name: my-batch-bucket
    s3_aws_access_key_id: os.environ/AWS_ACCESS_KEY_ID
    s3_aws_secret_access_key: os.environ/AWS_SECRET_ACCESS_KEY
"""


def test_client_commands_load_neither_temporal_nor_a_web_server() -> None:
    heavy = "{'aiohttp', 'fastapi', 'sqlalchemy', 'temporalio', 'uvicorn'}"
    code = f"import sys, cli.main; print(*{heavy} & set(sys.modules))"

    loaded = subprocess.run([*PYTHON, "-c", code], env=ENVIRONMENT, capture_output=True, check=True)

    assert loaded.stdout.split() == []


def test_client_commands_load_no_telemetry() -> None:
    code = "import sys, cli.main; print(*{'opentelemetry', 'prometheus_client'} & set(sys.modules))"

    loaded = subprocess.run([*PYTHON, "-c", code], env=ENVIRONMENT, capture_output=True, check=True)

    assert loaded.stdout.split() == []


def test_a_worker_without_a_master_key_serves_metrics_to_this_machine_only(tmp_path: Path) -> None:
    command = [*PYTHON, "-m", "cli", "worker", "--metrics-port", "9464", "--metrics-host", "192.0.2.1"]

    refused = subprocess.run(command, env=ENVIRONMENT, cwd=tmp_path, capture_output=True, check=False)

    assert refused.returncode == 1
    assert "without a master key a worker serves metrics on loopback only" in refused.stderr.decode()


def test_the_version_is_said(overnight: Overnight) -> None:
    assert overnight("--version")[0].startswith("overnight")


def test_check_accepts_litellms_page_and_says_what_it_means(
    overnight: Overnight, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "very-secret")
    (tmp_path / "config.yaml").write_text(SEED_PAGE)

    out, err = overnight("check", "--offline", tmp_path / "config.yaml")

    assert "vllm-model (default)" in out
    assert "the S3 bucket 'my-batch-bucket'" in out
    assert "this gateway itself" in err
    assert "very-secret" not in out + err


def test_check_fails_with_everything_that_is_wrong(overnight: Overnight, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("modellist: []\ngeneral_settings: {master_kye: x}\n")

    _, err = overnight("check", tmp_path / "config.yaml", code=1)

    assert "`model_list`?" in err
    assert "`master_key`?" in err


def test_an_unknown_queue_is_refused() -> None:
    command = [*PYTHON, "-m", "cli", "worker", "--queue", "lanes"]

    refused = subprocess.run(command, env=ENVIRONMENT, capture_output=True, check=False)

    assert refused.returncode == 2
    assert b"there is no queue 'lanes'" in refused.stderr


def test_simulate_serves_an_endpoint_until_it_is_interrupted() -> None:
    command = [*PYTHON, "-m", "cli", "simulate", "endpoint", "--port", "0"]
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    url = process.stdout.readline().decode().split()[-1]

    body = {"model": "simulated", "messages": [{"role": "user", "content": "hello"}]}
    answer = httpx2.post(f"{url}/chat/completions", json=body, trust_env=False, timeout=60)
    process.send_signal(signal.SIGINT)

    assert answer.json()["object"] == "chat.completion"
    assert process.wait(30) == 0


@pytest.mark.parametrize("command", ["serve", "db upgrade"])
def test_a_data_folder_that_cannot_be_made_is_said_in_a_line(tmp_path: Path, command: str) -> None:
    (tmp_path / "file").touch()
    folder = str(tmp_path / "file")

    # Not the usual port: whatever else runs here may have it.
    port = ["--port", str(free_port())] if command == "serve" else []
    arguments = [*PYTHON, "-m", "cli", *command.split(), "--data-dir", folder, *port]
    ended = subprocess.run(arguments, env=ENVIRONMENT, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert f"overnight: [Errno 17] File exists: '{folder}'" in ended.stderr
    assert "Traceback" not in ended.stderr
