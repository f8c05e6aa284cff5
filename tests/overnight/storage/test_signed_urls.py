"""What URLs a bucket signs: whoever has one gets that object from it, under its name, and nothing else.

S3's and Google's emulators have a guard before them, who looks at signatures; Azure's looks itself.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from botocore.stub import Stubber

from overnight.domain.errors import CannotSign, StorageUnavailable
from overnight.storage.azure_blob import AzureBlobStorage
from overnight.storage.gcs import GcsStorage
from overnight.storage.local import LocalStorage
from overnight.storage.opening import BucketStorage
from overnight.storage.s3 import S3Storage
from overnight.storage.s3_client import connect
from overnight.storage.s3_signing import S3Signer
from overnight.storage.settings import AzureBlobSettings, S3Settings
from overnight.storage.signing import SignsUrls, try_to_sign
from tests.emulators.azure import ACCOUNT, AzureServer
from tests.emulators.canned import saying
from tests.emulators.gcs import GcsServer
from tests.emulators.google_accounts import TOKEN, account, private_key
from tests.emulators.guard import guarding
from tests.emulators.s3 import REGION, SECRET, S3Server
from tests.emulators.signatures import amazon, google
from tests.overnight.storage.streams import pattern, put, read

CONTENT = pattern(300_000)
NAME = "naïve 日本.jsonl"
DISPOSITION = (
    "attachment; filename=\"na_ve __.jsonl\"; filename*=UTF-8''na%C3%AFve%20%E6%97%A5%E6%9C%AC.jsonl"
)
KEY = "files/file-1"
FIVE_MINUTES = timedelta(minutes=5)
PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Signing:
    """A store that signs, with an object in it, and what is said of one that is not there."""

    storage: BucketStorage
    absent: int = 404

    async def url(self, key: str = KEY, *, name: str = NAME, expires_in: timedelta = FIVE_MINUTES) -> str:
        return await self.storage.signed_url(key, filename=name, expires_in=expires_in)


@asynccontextmanager
async def s3_signing(server: S3Server) -> AsyncIterator[Signing]:
    with guarding(server.port, amazon(SECRET, region=REGION)) as guard:
        storage = server.new_bucket().storage(port=guard.port, prefix="night")
        # Where nothing is there, moto takes what the answer is to be called for a header of the request's.
        yield Signing(storage, absent=403)


@asynccontextmanager
async def gcs_signing(server: GcsServer) -> AsyncIterator[Signing]:
    with (
        guarding(server.port, google(private_key().public_key())) as guard,
        saying(200, TOKEN, content_type="application/json") as tokens,
    ):
        bucket, credentials = server.new_bucket().bucket, account(token_uri=tokens.url)
        storage = GcsStorage(bucket, prefix="night", credentials=credentials, endpoint_url=guard.url)
        yield Signing(storage)


@asynccontextmanager
async def azure_signing(server: AzureServer) -> AsyncIterator[Signing]:
    yield Signing(server.new_bucket().storage(prefix="night"))


VENDORS = {"s3": s3_signing, "gcs": gcs_signing, "azure_blob": azure_signing}


@pytest.fixture(params=VENDORS)
async def signing(request: pytest.FixtureRequest) -> AsyncIterator[Signing]:
    vendor: str = request.param
    async with VENDORS[vendor](request.getfixturevalue(vendor)) as made:  # type: ignore[operator]
        await put(made.storage, KEY, CONTENT)
        yield made
        await made.storage.close()


def asked(method: str, url: str, **headers: str) -> httpx2.Response:
    return httpx2.request(method, url, headers=headers, content=b"other", trust_env=False, timeout=60)


def fetched(url: str, **headers: str) -> httpx2.Response:
    return httpx2.get(url, headers=headers, trust_env=False, timeout=60)


def refusal_of(url: str) -> httpx2.Response:
    """Wait until the URL is of no use, and return what is said then."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while (answer := fetched(url)).status_code == 200:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return answer


async def test_an_object_comes_from_its_url_under_the_name_of_its_file(signing: Signing) -> None:
    answer = fetched(await signing.url())

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers.get_list("content-type") == ["application/jsonl"]
    assert answer.headers.get_list("content-disposition") == [DISPOSITION]


async def test_a_range_comes_from_a_url(signing: Signing) -> None:
    answer = fetched(await signing.url(), Range="bytes=1000-1999")

    assert (answer.status_code, answer.content) == (206, CONTENT[1_000:2_000])
    assert answer.headers["content-range"] == "bytes 1000-1999/300000"


async def test_nobody_gets_it_without_the_signature(signing: Signing) -> None:
    address, _, _ = (await signing.url()).partition("?")

    assert fetched(address).status_code == 403


async def test_a_url_is_for_one_object(signing: Signing) -> None:
    await put(signing.storage, "files/file-2", b"somebody else's")
    url = await signing.url()

    assert fetched(url).status_code == 200
    assert fetched(url.replace("file-1", "file-2")).status_code == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
async def test_a_url_is_for_reading(signing: Signing, method: str) -> None:
    refused = asked(method, await signing.url(), **{"x-ms-blob-type": "BlockBlob"})

    assert refused.status_code == 403
    assert await read(signing.storage, KEY) == CONTENT


@pytest.mark.parametrize(
    ("signed", "other"), [("mine.jsonl", "ours.jsonl"), ("application/jsonl", "text/html")]
)
async def test_a_url_is_for_one_name_and_one_type(signing: Signing, signed: str, other: str) -> None:
    url = (await signing.url(name="mine.jsonl")).replace("application%2Fjsonl", "application/jsonl")

    assert fetched(url).status_code == 200
    assert signed in url
    assert fetched(url.replace(signed, other)).status_code == 403


async def test_a_url_ends(signing: Signing) -> None:
    lasting, short = await signing.url(), await signing.url(expires_in=timedelta(seconds=1))
    ended = await asyncio.to_thread(refusal_of, short)

    assert ended.status_code == 403
    assert fetched(lasting).status_code == 200


async def test_a_url_is_signed_for_an_object_that_is_not_there(signing: Signing) -> None:
    assert fetched(await signing.url("files/nobody")).status_code == signing.absent


async def test_it_can_be_tried_out_and_nothing_is_left(signing: Signing) -> None:
    await try_to_sign(signing.storage)

    assert [found.key async for found in signing.storage.list("")] == [KEY]


async def test_a_folder_signs_nothing(tmp_path: Path) -> None:
    assert not isinstance(LocalStorage(tmp_path), SignsUrls)
    with pytest.raises(CannotSign, match="a local folder has no URL"):
        await try_to_sign(LocalStorage(tmp_path))


async def test_s3_signs_for_the_region_that_the_bucket_is_in(s3: S3Server) -> None:
    elsewhere = S3Storage(replace(s3.new_bucket().settings(), region="us-east-1"))
    query = parse_qs(urlsplit(await Signing(elsewhere).url()).query)
    await elsewhere.close()

    assert query["X-Amz-Credential"][0].split("/")[2:] == [REGION, "s3", "aws4_request"]


@pytest.mark.parametrize(
    ("bucket", "region", "address"),
    [
        ("night", "eu-central-1", "https://night.s3.eu-central-1.amazonaws.com/files/file-1"),
        ("night", "us-east-1", "https://night.s3.amazonaws.com/files/file-1"),
        ("night", "cn-north-1", "https://night.s3.cn-north-1.amazonaws.com.cn/files/file-1"),
        ("a.night", "me-south-1", "https://s3.me-south-1.amazonaws.com/a.night/files/file-1"),
    ],
)
def test_aws_is_asked_where_the_bucket_is(bucket: str, region: str, address: str) -> None:
    settings = S3Settings(bucket=bucket, region=region, access_key_id="k", secret_access_key="s")
    asking = connect(settings, connections=1)
    with Stubber(asking) as aws:
        aws.add_response("head_bucket", {"BucketRegion": region}, {"Bucket": bucket})
        place = {"Bucket": bucket, "Key": KEY}
        url = S3Signer(settings).sign(asking, place, filename=NAME, expires_in=FIVE_MINUTES)

    assert url.partition("?")[0] == address
    assert parse_qs(urlsplit(url).query)["X-Amz-Expires"] == ["300"]


async def test_who_copies_s3_is_asked_where_it_is() -> None:
    settings = S3Settings(
        bucket="night",
        region=None,
        access_key_id="k",
        secret_access_key="s",
        endpoint_url="https://minio.example:9000",
    )
    asking = connect(settings, connections=1)
    with Stubber(asking) as copy:
        copy.add_response("head_bucket", {}, {"Bucket": "night"})
        place = {"Bucket": "night", "Key": KEY}
        url = S3Signer(settings).sign(asking, place, filename=NAME, expires_in=FIVE_MINUTES)

    assert url.partition("?")[0] == "https://minio.example:9000/night/files/file-1"


async def test_what_is_wrong_with_s3_is_told_as_ever(s3: S3Server) -> None:
    storage = s3.new_bucket().storage(name="nobody-made-it")
    with pytest.raises(StorageUnavailable, match="there is no S3 bucket 'nobody-made-it'"):
        await try_to_sign(storage)
    await storage.close()


async def test_a_signature_that_azure_gave_the_operator_is_not_passed_on() -> None:
    given = f"BlobEndpoint=https://{ACCOUNT}.blob.core.windows.net;SharedAccessSignature=sv=1&sig=operators"
    storage = AzureBlobStorage(AzureBlobSettings(container="c", connection_string=given))
    with pytest.raises(CannotSign, match="no account key") as caught:
        await try_to_sign(storage)
    await storage.close()

    assert "operators" not in caught.value.message
