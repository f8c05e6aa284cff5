"""What `overnight check` says of the bucket that bytes are to live in."""

from pathlib import Path

import pytest

from tests.cli.conftest import Overnight
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


@pytest.mark.usefixtures("bucket")
def test_check_says_that_a_bucket_is_missing(overnight: Overnight, tmp_path: Path) -> None:
    _, err = overnight("check", write_config(tmp_path, "nobody-made-it"), code=1)

    assert "the S3 bucket 'nobody-made-it' can't be used: there is no S3 bucket 'nobody-made-it'" in err
    assert SECRET not in err
    assert "[key=" not in err


@pytest.mark.usefixtures("bucket")
def test_check_asks_nobody_when_it_is_told_not_to(overnight: Overnight, tmp_path: Path) -> None:
    overnight("check", "--offline", write_config(tmp_path, "nobody-made-it"))
