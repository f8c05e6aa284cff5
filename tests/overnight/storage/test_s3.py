"""What only S3 has: its ways of saying no, whose credentials, how it encrypts."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from overnight.domain.errors import BucketMissing, StorageFull, StorageRefused, StorageUnavailable
from overnight.storage.s3 import S3Storage
from overnight.storage.settings import S3Settings
from tests.emulators.canned import saying
from tests.emulators.s3 import SECRET, S3Bucket, S3Server, s3_server
from tests.overnight.storage.streams import MIB, put, read

ACTIONS_BEFORE_THE_GUARD = 6
NEEDED = ["s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]


@dataclass(frozen=True, slots=True)
class Guarded:
    """A bucket that some may use, and one who is `allowed` and one who is a `stranger`."""

    allowed: S3Settings
    stranger: S3Settings


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """An S3 that looks at signatures and policies."""
    folder = tmp_path_factory.mktemp("guarded")
    with s3_server(folder, INITIAL_NO_AUTH_ACTION_COUNT=str(ACTIONS_BEFORE_THE_GUARD)) as server:
        bucket = server.new_bucket().settings()
        iam = server.client("iam")
        allowed, stranger = _key_of_new_user(iam, "allowed"), _key_of_new_user(iam, "stranger")
        statement = {"Effect": "Allow", "Action": NEEDED, "Resource": "*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName="allowed", PolicyName="needed", PolicyDocument=policy)
        yield Guarded(replace(bucket, **allowed), replace(bucket, **stranger))


def _key_of_new_user(iam: Any, name: str) -> dict[str, str]:
    iam.create_user(UserName=name)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return {"access_key_id": made["AccessKeyId"], "secret_access_key": made["SecretAccessKey"]}


async def why_not(settings: S3Settings) -> str:
    """Return what the check of a store says, and see that it says no secret."""
    return (await refusal_of(settings)).reason


async def refusal_of(settings: S3Settings) -> StorageUnavailable:
    storage = S3Storage(settings)
    with pytest.raises(StorageUnavailable) as caught:
        await storage.check()
    await storage.close()
    for secret in (settings.secret_access_key, settings.session_token, settings.access_key_id):
        assert not secret or secret not in caught.value.message
    return caught.value


async def test_who_may_do_what_the_message_says_may_use_the_store(guarded: Guarded) -> None:
    storage = S3Storage(guarded.allowed)
    await storage.check()
    await put(storage, "files/a", b"x" * 9 * MIB)
    await storage.close()


async def test_a_bucket_that_is_somebody_elses_is_denied_and_says_what_it_takes(guarded: Guarded) -> None:
    refusal = await refusal_of(guarded.stranger)
    assert type(refusal) is StorageRefused
    said = refusal.reason
    assert f"access to the S3 bucket '{guarded.stranger.bucket}' is denied" in said
    assert all(action in said for action in NEEDED)


async def test_a_wrong_secret_is_told(guarded: Guarded) -> None:
    said = await why_not(replace(guarded.allowed, secret_access_key="not-it"))
    assert said == "S3 does not accept the access key, or not with this secret"


async def test_an_unknown_key_is_told(guarded: Guarded) -> None:
    said = await why_not(replace(guarded.allowed, access_key_id="AKIANOBODY"))
    assert said == "S3 does not accept the access key, or not with this secret"


ERROR = """<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>{code}</Code><Message>{message}</Message><Bucket>b</Bucket>{more}<RequestId>1</RequestId></Error>"""


async def said_to(status: int, code: str, *, more: str = "", **fields: str) -> str:
    """Return what is said of an S3 that answers like this, in its own form."""
    body = ERROR.format(code=code, message=f"with {SECRET}", more=more)
    with saying(status, body, content_type="application/xml", **fields) as server:
        settings = S3Settings(
            bucket="b",
            region="us-west-2",
            access_key_id="AKIA",
            secret_access_key=SECRET,
            session_token="token-of-the-session",
            endpoint_url=server.url,
        )
        return await why_not(settings)


async def test_a_bucket_in_another_region_is_told_with_its_region() -> None:
    said = await said_to(301, "PermanentRedirect", x_amz_bucket_region="eu-west-1")
    assert said == "the S3 bucket 'b' is not in the region us-west-2; set s3_region_name: eu-west-1"


async def test_a_signature_for_another_region_is_told_with_the_right_one() -> None:
    said = await said_to(400, "AuthorizationHeaderMalformed", more="<Region>eu-west-1</Region>")
    assert said == "the S3 bucket 'b' is not in the region us-west-2; set s3_region_name: eu-west-1"


@pytest.mark.parametrize(
    ("status", "code", "told"),
    [
        (400, "ExpiredToken", "the AWS credentials have expired"),
        (400, "InvalidToken", "S3 does not accept the session token of the AWS credentials"),
        (403, "RequestTimeTooSkewed", "the clock of this machine is too far from the time of S3"),
        (400, "KMS.DisabledException", "the KMS key of the S3 bucket 'b' is disabled"),
        (418, "Teapot{0}", "S3 answered Teapot{0}"),
    ],
)
async def test_what_s3_says_is_told_in_words(status: int, code: str, told: str) -> None:
    assert await said_to(status, code) == told


async def test_a_full_quota_is_a_full_store() -> None:
    with saying(
        403, ERROR.format(code="QuotaExceeded", message="", more=""), content_type="application/xml"
    ) as server:
        storage = S3Storage(
            S3Settings(
                bucket="b",
                region="us-west-2",
                access_key_id="AKIA",
                secret_access_key=SECRET,
                endpoint_url=server.url,
            )
        )
        with pytest.raises(StorageFull):
            await put(storage, "files/a", b"x")
        await storage.close()


@pytest.fixture
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide from boto3 whatever credentials this machine has."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def without_keys(bucket: S3Bucket) -> S3Settings:
    return replace(bucket.settings(), access_key_id=None, secret_access_key=None)


@pytest.mark.usefixtures("nobody")
async def test_no_credentials_are_told_and_are_taken_once_they_are_there(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = S3Storage(without_keys(s3.new_bucket()))
    with pytest.raises(StorageUnavailable, match="no AWS credentials were found"):
        await storage.check()

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")

    await storage.check()
    await storage.close()


@pytest.mark.usefixtures("nobody")
async def test_a_role_is_assumed_with_the_token_of_a_kubernetes_service_account(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text("header.payload.signature")
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(tmp_path / "token"))
    monkeypatch.setenv("AWS_ROLE_ARN", "arn:aws:iam::123456789012:role/overnight")
    monkeypatch.setenv("AWS_ENDPOINT_URL_STS", s3.url)
    storage = S3Storage(without_keys(s3.new_bucket()))

    await storage.check()
    await storage.close()


@pytest.mark.usefixtures("nobody")
async def test_a_profile_that_is_not_there_is_told(s3: S3Server, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = without_keys(s3.new_bucket())
    monkeypatch.setenv("AWS_PROFILE", "night")
    assert "no such AWS profile" in await why_not(settings)


@pytest.mark.usefixtures("nobody")
async def test_an_sso_session_that_has_expired_is_told(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings = without_keys(s3.new_bucket())
    (tmp_path / "config").write_text(
        "[profile night]\nsso_start_url = https://night.awsapps.com/start\nsso_region = us-west-2\n"
        "sso_account_id = 123456789012\nsso_role_name = reader\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "night")
    assert "aws sso login" in await why_not(settings)


@pytest.mark.parametrize("size", [10, 9 * MIB], ids=["in one request", "in parts"])
async def test_objects_are_encrypted_as_the_settings_say(s3: S3Server, size: int) -> None:
    bucket = s3.new_bucket()
    key = s3.client("kms").create_key()["KeyMetadata"]["Arn"]
    storage = S3Storage(replace(bucket.settings(), encryption="aws:kms", kms_key_id=key))

    await put(storage, "files/a", b"x" * size)

    found = s3.client().head_object(Bucket=bucket.bucket, Key="files/a")
    assert (found["ServerSideEncryption"], found["SSEKMSKeyId"]) == ("aws:kms", key)
    assert await read(storage, "files/a") == b"x" * size
    await storage.close()


async def test_a_name_that_no_bucket_can_have_is_told(s3: S3Server) -> None:
    settings = replace(s3.new_bucket().settings(), bucket="not a bucket")
    refusal = await refusal_of(settings)
    assert type(refusal) is BucketMissing
    assert refusal.reason == "no S3 bucket can have the name 'not a bucket'"
