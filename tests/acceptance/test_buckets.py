"""Bytes in a bucket: the page that people come from, word for word, and what a bucket is good for."""

import json
import os
import shutil
import sys
from pathlib import Path
from typing import Any

import httpx2

from overnight.domain.layout import OWNER_KEY, file_key
from tests.acceptance.conftest import Serve
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.serving import Served, answered, ended, results, until
from tests.acceptance.simulated import Endpoint
from tests.acceptance.test_curl import CREATE, UPLOAD, said
from tests.emulators.bucket import Bucket
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

LINES = 1_200
PARALLEL = 8
CHECKPOINT_LINES = 200


def aws(s3: S3Server) -> dict[str, str]:
    return {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET, "AWS_ENDPOINT_URL": s3.url}


def s3_config(endpoint: Endpoint, bucket: str) -> str:
    return PAGE.replace(PAGES_ENDPOINT, endpoint.base_url).replace(PAGES_BUCKET, bucket)


def files_with(folder: Path, text: str) -> list[Path]:
    """Return the files below `folder` that have `text` in them."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert files
    return [path for path in files if text.encode() in path.read_bytes()]


def assert_bytes_are_in(bucket: Bucket, served: Served, *batches: Any, prefix: str = "") -> None:
    """Check that what batches were made of and have made is in the bucket, and nowhere in the data folder."""
    ids = {id_ for each in batches for id_ in (each.input_file_id, each.output_file_id, each.error_file_id)}
    ids |= {each.model_extra["overnight"]["receipt_file_id"] for each in batches}
    delivered = {f"{prefix}{file_key(file_id)}" for file_id in ids if file_id}
    # Checkpoints are removed once a batch has ended, and the catalog's mark comes when it looks after things.
    until(lambda: {*bucket.names()} - {prefix + OWNER_KEY} == delivered, log=served.log)
    assert not (served.data / "objects").exists()
    for batch in batches:
        (first, *_) = results(served.client, batch.output_file_id)
        for text in ("question 1", answer_in(first)):
            assert files_with(served.data, text) == []


def answer_in(line: dict[str, Any]) -> str:
    """Return what a model has said."""
    return str(line["response"]["body"]["choices"][0]["message"]["content"])


def test_the_page_works_word_for_word(
    s3: S3Server, shared_endpoint: Endpoint, tmp_path: Path, begin: Serve
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


def test_a_bucket_that_is_missing_is_told_at_once_and_taken_once_it_is_there(
    s3: S3Server, shared_endpoint: Endpoint, begin: Serve
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
    s3: S3Server, endpoint: Endpoint, tmp_path: Path, begin: Serve
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
