"""What `overnight check` says of the buckets that bytes live in and that jobs' rows go through."""

from pathlib import Path

import pytest

from tests.cli.conftest import Overnight
from tests.emulators.gcs import GcsServer
from tests.emulators.s3 import KEY_ID, SECRET, S3Bucket, S3Server

CONFIG = """
batch_settings:
  batch_storage_params:
    s3_bucket_name: {bucket}
    s3_region_name: us-west-2
    s3_aws_access_key_id: os.environ/AWS_ACCESS_KEY_ID
    s3_aws_secret_access_key: os.environ/AWS_SECRET_ACCESS_KEY
"""


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> S3Bucket:
    made = s3.new_bucket()
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY_ID)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    monkeypatch.chdir(tmp_path)
    return made


def write_config(tmp_path: Path, bucket: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG.format(bucket=bucket))
    return path


def test_check_tries_a_bucket_out_and_leaves_nothing_in_it(
    overnight: Overnight, bucket: S3Bucket, tmp_path: Path
) -> None:
    out, _ = overnight("check", write_config(tmp_path, bucket.bucket))

    assert f"bytes in   the S3 bucket '{bucket.bucket}'" in out
    assert bucket.names() == []
    assert not (tmp_path / ".overnight").exists()


def test_check_says_below_what_in_a_bucket_bytes_will_be(
    overnight: Overnight, bucket: S3Bucket, tmp_path: Path
) -> None:
    config = write_config(tmp_path, bucket.bucket)
    config.write_text(config.read_text() + "    s3_prefix: night/batches/\n")
    out, _ = overnight("check", config)

    assert f"bytes in   the S3 bucket '{bucket.bucket}', below night/batches/" in out


@pytest.mark.usefixtures("bucket")
def test_check_says_that_a_bucket_is_missing(overnight: Overnight, tmp_path: Path) -> None:
    _, err = overnight("check", write_config(tmp_path, "nobody-made-it"), code=1)

    assert "the S3 bucket 'nobody-made-it' can't be used: there is no S3 bucket 'nobody-made-it'" in err
    assert SECRET not in err
    assert "[key=" not in err


@pytest.mark.usefixtures("bucket")
def test_check_asks_nobody_when_it_is_told_not_to(overnight: Overnight, tmp_path: Path) -> None:
    overnight("check", "--offline", write_config(tmp_path, "nobody-made-it"))


def test_check_says_that_downloads_are_redirected(
    overnight: Overnight, bucket: S3Bucket, tmp_path: Path
) -> None:
    path = write_config(tmp_path, bucket.bucket)
    path.write_text(f"{path.read_text()}    redirect_downloads: true\n")
    out, err = overnight("check", path)

    assert "downloads  redirected to the bucket, by signed URLs" in out
    assert "sign" not in err


def test_check_warns_where_nobody_can_sign(
    overnight: Overnight, gcs: GcsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    params = f"gcs_bucket_name: {gcs.new_bucket().bucket}, redirect_downloads: true"
    (tmp_path / "config.yaml").write_text(f"batch_settings: {{batch_storage_params: {{{params}}}}}\n")
    _, err = overnight("check", tmp_path / "config.yaml")

    assert "warning: redirect_downloads: downloads will come through the gateway all the same: URLs of" in err


ROWS = """
model_list:
  - model_name: gemini
    litellm_params: {{model: vertex_ai/gemini-2.5-flash, gcs_bucket_name: {bucket}/rows, {at}}}
  - model_name: claude
    litellm_params: {{model: vertex_ai/claude-sonnet-4-5, gcs_bucket_name: {bucket}/rows, {at}}}
  - model_name: astray
    litellm_params: {{model: vertex_ai/gemini-2.5-flash, gcs_bucket_name: {astray}, {at}}}
"""
AT = "vertex_project: p, vertex_location: us-central1, vertex_credentials: anonymous"
VERTEX = "(vertex_ai at https://us-central1-aiplatform.googleapis.com)"


@pytest.fixture
def gcs_bucket(gcs: GcsServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", gcs.url)
    monkeypatch.chdir(tmp_path)
    return gcs.new_bucket().bucket


def write_rows(tmp_path: Path, bucket: str, *, astray: str) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(ROWS.format(bucket=bucket, astray=astray, at=AT))
    return path


def test_check_tries_out_the_buckets_of_all_deployments_and_has_a_line_for_each(
    overnight: Overnight, gcs_bucket: str, tmp_path: Path
) -> None:
    config = write_rows(tmp_path, gcs_bucket, astray="nobody-made-it")
    out, err = overnight("check", config, code=1)

    for name in ("gemini", "claude"):
        assert f"rows of deployment '{name}' {VERTEX} in gs://{gcs_bucket}/rows: ok" in out
    no = "there is no Google Cloud Storage bucket 'nobody-made-it'"
    assert f"rows of deployment 'astray' {VERTEX} in gs://nobody-made-it: {no}" in err


def test_check_is_content_with_buckets_that_can_be_used(
    overnight: Overnight, gcs: GcsServer, gcs_bucket: str, tmp_path: Path
) -> None:
    other = gcs.new_bucket()
    overnight("check", write_rows(tmp_path, gcs_bucket, astray=other.bucket))
    assert other.names() == []


def test_check_asks_no_bucket_of_a_deployment_when_it_is_told_not_to(
    overnight: Overnight, gcs_bucket: str, tmp_path: Path
) -> None:
    overnight("check", "--offline", write_rows(tmp_path, gcs_bucket, astray="nobody-made-it"))
