"""Downloads from the bucket itself: the SDK and the command line get a batch's results by a redirect."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.acceptance.command_line import overnight
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.serving import KEY, Served, ended, until
from tests.acceptance.simulated import Endpoint
from tests.emulators.gcs import GcsServer
from tests.emulators.guard import guarding
from tests.emulators.s3 import KEY_ID, REGION, SECRET, S3Server
from tests.emulators.signatures import amazon

LINES = 20
CONFIG = """
model_list:
  - model_name: m
    litellm_params:
      model: hosted_vllm/m
      api_base: {api_base}
batch_settings:
  batch_storage_params:
    redirect_downloads: true
"""
S3 = """    s3_bucket_name: {bucket}
    s3_region_name: {region}
    s3_endpoint_url: {endpoint}
    s3_aws_access_key_id: os.environ/AWS_ACCESS_KEY_ID
    s3_aws_secret_access_key: os.environ/AWS_SECRET_ACCESS_KEY
"""
GCS = """    gcs_bucket_name: {bucket}
"""


@contextmanager
def serving(folder: Path, endpoint: Endpoint, bucket: str, **environ: str) -> Iterator[Served]:
    """Run `overnight serve` that is to redirect downloads; it is ready when the block begins."""
    served = Served(folder, config=CONFIG.format(api_base=endpoint.base_url) + bucket, environ=environ)
    try:
        yield served.start()
    finally:
        served.stop()


def told(served: Served, event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in served.log.read_text().splitlines() if line.startswith("{")]
    return [line for line in lines if line["event"] == event]


def test_results_come_from_the_bucket_which_sees_no_key_and_no_log_has_the_url(
    s3: S3Server, shared_endpoint: Endpoint, tmp_path: Path
) -> None:
    with guarding(s3.port, amazon(SECRET, region=REGION)) as guard:
        bucket = S3.format(bucket=s3.new_bucket().bucket, region=REGION, endpoint=guard.url)
        keys = {"AWS_ACCESS_KEY_ID": KEY_ID, "AWS_SECRET_ACCESS_KEY": SECRET}
        with serving(tmp_path, shared_endpoint, bucket, **keys) as served:
            client = served.client
            path = write_requests(tmp_path / "in.jsonl", LINES, model="m")
            final = ended(client, submit(client, path).id, log=served.log)
            assert final.status == "completed"
            assert_every_line_once(client, final, LINES)
            before = len(guard.came)

            got = client.files.content(final.output_file_id)
            overnight("results", final.id, "-o", tmp_path / "out.jsonl", url=served.url)
            log = served.log.read_text()

            assert len(told(served, "downloads_are_redirected")) == 1

    assert [(each.status_code, each.url.port) for each in got.response.history] == [(302, served.port)]
    assert (got.response.status_code, got.response.url.port) == (200, guard.port)
    assert (tmp_path / "out.jsonl").read_bytes() == got.content
    assert len(guard.came) == before + 2
    assert not any("authorization" in headers or KEY in str(headers.items()) for headers in guard.came)
    assert "/content" in log
    assert "X-Amz-" not in log
    assert SECRET not in log


def test_without_the_means_to_sign_it_serves_all_the_same_and_says_so_once_at_start(
    gcs: GcsServer, shared_endpoint: Endpoint, tmp_path: Path
) -> None:
    bucket = GCS.format(bucket=gcs.new_bucket().bucket)
    with serving(tmp_path, shared_endpoint, bucket, STORAGE_EMULATOR_HOST=gcs.url) as served:
        client = served.client
        told_at_start = until(lambda: told(served, "downloads_are_not_redirected"), log=served.log)
        path = write_requests(tmp_path / "in.jsonl", LINES, model="m")
        final = ended(client, submit(client, path).id, log=served.log)
        assert_every_line_once(client, final, LINES)
        got = client.files.content(final.output_file_id)

        assert [(line["level"], line["process"]) for line in told_at_start] == [("warning", "gateway")]
        assert told(served, "downloads_are_not_redirected") == told_at_start

    assert got.response.status_code == 200
    assert got.response.history == []
