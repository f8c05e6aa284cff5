"""Bytes in a bucket: the page that people come from, word for word, and what a bucket is good for."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.serving import Served, answered, ended, results, until
from tests.acceptance.simulated import Endpoint
from tests.acceptance.test_curl import CREATE, UPLOAD, said
from tests.emulators.azure import AzureServer
from tests.emulators.bucket import Bucket
from tests.emulators.gcs import GcsServer
from tests.emulators.processes import running
from tests.emulators.s3 import KEY_ID, SECRET, S3Server
from tests.ports import free_port

MODEL = "vllm-model"
PAGE = """
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
PAGES_ENDPOINT = "http://0.0.0.0:4000/v1"
PAGES_BUCKET = "my-batch-bucket"

CONFIG = """
model_list:
  - model_name: vllm-model
    litellm_params:
      model: hosted_vllm/opt-125m
      api_base: {api_base}
      max_parallel_requests: 8
batch_settings:
  batch_storage_params:
    {params}
"""
LINES = 1_200
PARALLEL = 8
CHECKPOINT_LINES = 200

Begin = Callable[..., Served]


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Begin]:
    """Return what starts `overnight serve` in a new folder; whatever it started is stopped."""
    started: list[Served] = []

    def new(name: str, *, config: str, **environ: str) -> Served:
        (tmp_path / name).mkdir()
        started.append(Served(tmp_path / name, config=config, environ=environ))
        return started[-1]

    yield new
    for served in started:
        served.stop()


def aws(s3: S3Server) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": s3.url}


def s3_config(endpoint: Endpoint, bucket: str) -> str:
    return PAGE.replace(PAGES_ENDPOINT, endpoint.base_url).replace(PAGES_BUCKET, bucket)


def files_with(folder: Path, text: str) -> list[Path]:
    """Return the files below `folder` that have `text` in them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if text.encode() in path.read_bytes()]


def assert_bytes_are_in(bucket: Bucket, served: Served, batch: Any) -> None:
    """Check that what a batch was made of and has made is in the bucket, and nowhere in the data folder."""
    delivered = [each for each in (batch.input_file_id, batch.output_file_id, batch.error_file_id) if each]
    assert bucket.names() == sorted(f"files/{file_id}" for file_id in delivered)
    assert not (served.data / "objects").exists()
    (first, *_) = results(served.client, batch.output_file_id)
    answer = first["response"]["body"]["choices"][0]["message"]["content"]
    for text in ("question 1", answer):
        assert files_with(served.data, text) == []


def test_the_page_works_word_for_word(
    s3: S3Server, shared_endpoint: Endpoint, tmp_path: Path, begin: Begin
) -> None:
    bucket = s3.new_bucket()
    served = begin("page", config=s3_config(shared_endpoint, bucket.bucket), **aws(s3)).start()
    write_requests(tmp_path / "mydata.jsonl", 5, model=MODEL)

    def run(command: str, **ids: str) -> Any:
        text = command.replace("localhost:4000", f"localhost:{served.port}")
        return json.loads(said(text.replace("file-abc123", ids.get("file", "")), folder=tmp_path))

    file = run(UPLOAD)
    assert bucket.names() == [f"files/{file['id']}"]
    batch = run(CREATE, file=file["id"])
    final = ended(served.client, batch["id"], log=served.log)

    assert final.status == "completed"
    assert_every_line_once(served.client, final, 5)
    assert_bytes_are_in(bucket, served, final)
    assert SECRET not in served.log.read_text()


def test_a_batch_runs_on_google_cloud_storage(
    gcs: GcsServer, shared_endpoint: Endpoint, tmp_path: Path, begin: Begin
) -> None:
    bucket = gcs.new_bucket()
    config = CONFIG.format(api_base=shared_endpoint.base_url, params=f"gcs_bucket_name: {bucket.bucket}")
    served = begin("gcs", config=config, STORAGE_EMULATOR_HOST=gcs.url).start()

    final = ended(
        served.client, submit(served.client, write_requests(tmp_path / "in.jsonl", 50, model=MODEL)).id
    )

    assert final.status == "completed"
    assert_every_line_once(served.client, final, 50)
    assert_bytes_are_in(bucket, served, final)


def test_a_batch_runs_on_azure_blob(
    azure_blob: AzureServer, shared_endpoint: Endpoint, tmp_path: Path, begin: Begin
) -> None:
    bucket = azure_blob.new_bucket()
    params = (
        f"azure_storage_container: {bucket.bucket}\n"
        "    azure_storage_connection_string: os.environ/AZURE_STORAGE_CONNECTION_STRING"
    )
    config = CONFIG.format(api_base=shared_endpoint.base_url, params=params)
    connection = bucket.connection_string()
    served = begin("azure", config=config, AZURE_STORAGE_CONNECTION_STRING=connection).start()

    final = ended(
        served.client, submit(served.client, write_requests(tmp_path / "in.jsonl", 50, model=MODEL)).id
    )

    assert final.status == "completed"
    assert_every_line_once(served.client, final, 50)
    assert_bytes_are_in(bucket, served, final)


def test_a_bucket_that_is_missing_is_told_at_once_and_taken_once_it_is_there(
    s3: S3Server, shared_endpoint: Endpoint, begin: Begin
) -> None:
    bucket = f"late-{free_port()}"
    served = begin("late", config=s3_config(shared_endpoint, bucket), **aws(s3))
    served.launch()

    def told() -> Any:
        try:
            answer = httpx2.get(f"{served.url}/health/readiness", timeout=10)
        except httpx2.HTTPError:
            return None
        return answer if answer.status_code == 503 else None

    parts = until(told, log=served.log).json()["parts"]
    assert f"there is no S3 bucket '{bucket}'" in parts["storage"]
    until(lambda: f"there is no S3 bucket '{bucket}'" in served.log.read_text())

    where = {"LocationConstraint": "us-west-2"}
    s3.client().create_bucket(Bucket=bucket, CreateBucketConfiguration=where)
    served.wait_ready()


def test_another_machine_goes_on_with_nothing_but_the_bucket(
    s3: S3Server, endpoint: Endpoint, tmp_path: Path, begin: Begin
) -> None:
    endpoint.fault(kind="delay", seconds=0.05)
    bucket, port = s3.new_bucket(), free_port()
    config = s3_config(endpoint, bucket.bucket).replace(
        "api_key: none", f"api_key: none\n      max_parallel_requests: {PARALLEL}"
    )
    config += f"general_settings: {{database_url: 'sqlite:///{tmp_path}/shared.db'}}\n"
    environ = {**aws(s3), "TEMPORAL_ADDRESS": f"127.0.0.1:{port}"}
    with running(temporal(port), port=port, log=tmp_path / "temporal.log", environ=os.environ):
        first = begin("first", config=config, **environ).start()
        batch = submit(first.client, write_requests(tmp_path / "in.jsonl", LINES, model=MODEL))
        answered_by_first = answered(first.client, batch.id, lines=LINES // 2, log=first.log)
        assert answered_by_first.request_counts.completed < LINES
        first.kill("serve")
        shutil.rmtree(first.data)

        second = begin("second", config=config, **environ).start()

        final = ended(second.client, batch.id, log=second.log)
        assert final.status == "completed"
        assert_every_line_once(second.client, final, LINES)
        assert endpoint.seen()["total"] <= LINES + PARALLEL + CHECKPOINT_LINES
        assert_bytes_are_in(bucket, second, final)
        second.stop()


def temporal(port: int) -> list[str]:
    server = str(Path(sys.executable).with_name("temporal"))
    return [server, "server", "start-dev", "--headless", "--ip", "127.0.0.1", "--port", str(port)]
