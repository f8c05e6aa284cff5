"""Downloads that a bucket serves: whom the gateway sends there, with what, and whom it serves itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx2
import openai
import pytest
from structlog.testing import capture_logs

from api.app import create_app
from cli.client import GatewayClient
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.storage.opening import BucketStorage
from overnight.storage.s3 import S3Storage
from tests.api.forms import LINE
from tests.api.served import KEY, Clock, Front, Runs
from tests.emulators.gcs import GcsServer
from tests.emulators.guard import Guard, guarding
from tests.emulators.proxy import Cut, proxy_to
from tests.emulators.s3 import REGION, SECRET, S3Server
from tests.emulators.signatures import amazon

CONTENT = LINE * 3
ALWAYS = 1_000


class Door:
    """A gateway that redirects downloads, and a client of it that follows nothing by itself."""

    def __init__(self, port: int, clock: Clock) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.clock = clock
        bearer = {"authorization": f"Bearer {KEY}"}
        self.http = httpx2.AsyncClient(base_url=self.url, headers=bearer, trust_env=False, timeout=60)

    def sdk(self) -> openai.AsyncOpenAI:
        return openai.AsyncOpenAI(base_url=f"{self.url}/v1", api_key=KEY, max_retries=0)

    async def upload(self) -> str:
        async with self.sdk() as client:
            return (await client.files.create(file=("in.jsonl", CONTENT), purpose="batch")).id


Open = Callable[[BucketStorage], Door]


@pytest.fixture
def opened(server: tuple[Front, int], settings: Settings, catalog: Catalog) -> Open:
    """Return what opens a gateway over a bucket."""
    front, port = server

    def over(storage: BucketStorage) -> Door:
        clock = Clock()
        front.gateway = create_app(
            settings=replace(settings, redirect_downloads=True),
            storage=storage,
            catalog=catalog,
            runs=Runs(),  # type: ignore[arg-type]
            clock=clock,
        )
        return Door(port, clock)

    return over


@dataclass(frozen=True, slots=True)
class Guarded:
    """A gateway before a bucket that looks at signatures, and at how many ways there are to know somebody."""

    door: Door
    guard: Guard

    def assert_nothing_was_shown(self, *, requests: int) -> None:
        """The bucket got as many requests by URL, and saw no key of ours in any."""
        assert len(self.guard.came) == requests
        for headers in self.guard.came:
            assert "authorization" not in headers
            assert KEY not in str(headers.items())


@pytest.fixture
async def guarded(opened: Open, s3: S3Server) -> AsyncIterator[Guarded]:
    with guarding(s3.port, amazon(SECRET, region=REGION)) as guard:
        storage = s3.new_bucket().storage(port=guard.port)
        yield Guarded(opened(storage), guard)
        await storage.close()


async def curl(*arguments: str, folder: Path) -> str:
    """Return what curl prints, the status last."""
    bearer = ("--header", f"Authorization: Bearer {KEY}")
    status = ("--write-out", "%{http_code}", "--noproxy", "*")
    process = await asyncio.create_subprocess_exec(
        *("curl", "--silent", *bearer, *status, *arguments), cwd=folder, stdout=asyncio.subprocess.PIPE
    )
    said, _ = await process.communicate()
    return said.decode()


@pytest.fixture
async def storage(s3: S3Server) -> AsyncIterator[S3Storage]:
    store = s3.new_bucket().storage()
    yield store
    await store.close()


@pytest.fixture
def door(opened: Open, storage: S3Storage) -> Door:
    return opened(storage)


@pytest.mark.parametrize("below", ["/v1", "", "/openai/v1"])
async def test_a_download_is_sent_to_the_bucket(door: Door, below: str) -> None:
    file_id = await door.upload()
    answer = await door.http.get(f"{below}/files/{file_id}/content")

    assert (answer.status_code, answer.content) == (302, b"")
    assert answer.headers["cache-control"] == "no-store"
    from_bucket = httpx2.get(answer.headers["location"], trust_env=False, timeout=60)
    assert (from_bucket.status_code, from_bucket.content) == (200, CONTENT)
    assert from_bucket.headers["content-type"] == "application/jsonl"
    (disposition,) = from_bucket.headers.get_list("content-disposition")
    assert disposition == "attachment; filename=\"in.jsonl\"; filename*=UTF-8''in.jsonl"


async def test_a_range_is_served_by_the_bucket(door: Door) -> None:
    file_id = await door.upload()
    wanted = {"range": "bytes=2-5"}
    answer = await door.http.get(f"/v1/files/{file_id}/content", headers=wanted, follow_redirects=True)

    assert [each.status_code for each in answer.history] == [302]
    assert (answer.status_code, answer.content) == (206, CONTENT[2:6])


async def test_a_range_that_is_not_there_and_a_head_are_answered_here(door: Door) -> None:
    file_id = await door.upload()
    outside = await door.http.get(f"/v1/files/{file_id}/content", headers={"range": "bytes=9999-"})
    head = await door.http.head(f"/v1/files/{file_id}/content")

    assert outside.status_code == 416
    assert (head.status_code, head.headers["content-length"]) == (200, str(len(CONTENT)))


async def test_nobody_is_sent_to_what_is_not_theirs_or_not_there_any_more(
    door: Door, storage: S3Storage
) -> None:
    kept, deleted, lost = [await door.upload() for _ in range(3)]
    await door.http.delete(f"/v1/files/{deleted}")
    await storage.delete(f"files/{lost}")
    path = f"/v1/files/{kept}/content"

    stranger = await door.http.get(path, headers={"authorization": "Bearer another"})
    gone = [await door.http.get(f"/v1/files/{each}/content") for each in (deleted, lost, "file-nobodys")]
    door.clock.now = datetime.now(UTC) + timedelta(days=31)
    expired = await door.http.get(path)

    assert stranger.status_code == 401
    assert [each.status_code for each in (*gone, expired)] == [404] * 4
    assert not any("location" in each.headers for each in (stranger, *gone, expired))


async def test_a_url_does_not_outlive_its_file(door: Door) -> None:
    file_id = await door.upload()
    door.clock.now = datetime.now(UTC) + timedelta(days=30) - timedelta(seconds=100)
    answer = await door.http.get(f"/v1/files/{file_id}/content")

    (seconds,) = parse_qs(urlsplit(answer.headers["location"]).query)["X-Amz-Expires"]
    assert 0 < int(seconds) <= 100


async def test_the_sdk_follows_and_the_bucket_takes_it(guarded: Guarded) -> None:
    file_id = await guarded.door.upload()
    async with guarded.door.sdk() as client:
        whole = await client.files.content(file_id)
        part = await client.files.content(file_id, extra_headers={"Range": "bytes=2-5"})
        async with client.files.with_streaming_response.content(file_id) as streamed:
            blocks = [block async for block in streamed.iter_bytes()]

    assert [each.response.status_code for each in (whole, part)] == [200, 206]
    assert [each.status_code for each in whole.response.history] == [302]
    assert (whole.content, part.content, b"".join(blocks)) == (CONTENT, CONTENT[2:6], CONTENT)
    guarded.assert_nothing_was_shown(requests=3)


async def test_curl_follows_and_the_bucket_takes_it(guarded: Guarded, tmp_path: Path) -> None:
    file_id = await guarded.door.upload()
    url, saved, broken = f"{guarded.door.url}/v1/files/{file_id}/content", "in.jsonl", "half.jsonl"
    (tmp_path / broken).write_bytes(CONTENT[:5])
    told = [
        await curl("--location", "--remote-header-name", "--remote-name", url, folder=tmp_path),
        await curl("--location", "--continue-at", "-", "--output", broken, url, folder=tmp_path),
    ]
    looked = await curl("--location", "--head", url, folder=tmp_path)
    without = await curl(url, folder=tmp_path)

    assert told == ["200", "206"]
    assert [(tmp_path / name).read_bytes() for name in (saved, broken)] == [CONTENT] * 2
    assert looked.endswith("200")
    assert f"content-length: {len(CONTENT)}" in looked
    assert without == "302"
    guarded.assert_nothing_was_shown(requests=2)


async def test_our_own_client_follows_and_the_bucket_takes_it(guarded: Guarded, tmp_path: Path) -> None:
    file_id = await guarded.door.upload()
    target = tmp_path / "out.jsonl"

    def download() -> None:
        with GatewayClient(guarded.door.url, api_key=KEY) as client:
            client.download(file_id, target)

    await asyncio.to_thread(download)

    assert target.read_bytes() == CONTENT
    guarded.assert_nothing_was_shown(requests=1)


async def test_a_bucket_refuses_who_shows_it_the_key_as_well(guarded: Guarded) -> None:
    file_id = await guarded.door.upload()
    answer = await guarded.door.http.get(f"/v1/files/{file_id}/content")
    bearer = {"authorization": f"Bearer {KEY}"}
    twice = httpx2.get(answer.headers["location"], headers=bearer, trust_env=False, timeout=60)

    assert (twice.status_code, twice.text) == (400, "Only one auth mechanism allowed")
    with pytest.raises(AssertionError):
        guarded.assert_nothing_was_shown(requests=1)


async def test_where_nobody_can_sign_bytes_come_through_the_gateway_and_it_says_so_once(
    opened: Open, gcs: GcsServer
) -> None:
    storage = gcs.new_bucket().storage()
    door = opened(storage)
    file_id = await door.upload()
    with capture_logs() as logs:
        answers = [await door.http.get(f"/v1/files/{file_id}/content") for _ in range(3)]
    ready = await door.http.get("/health/readiness")
    await storage.close()

    assert [(each.status_code, each.content) for each in answers] == [(200, CONTENT)] * 3
    told = [log for log in logs if log["event"] == "downloads_are_not_redirected"]
    assert [(log["log_level"], "signed by service accounts" in log["why"]) for log in told] == [
        ("warning", True)
    ]
    assert (ready.status_code, ready.json()["status"]) == (200, "ready")


async def test_bytes_come_through_the_gateway_while_the_bucket_does_not_help_to_sign(
    opened: Open, s3: S3Server
) -> None:
    bucket = s3.new_bucket()
    async with proxy_to(bucket.port) as network:
        storage = bucket.storage(port=network.port)
        door = opened(storage)
        file_id = await door.upload()
        network.cut = Cut(instead_of_answer_to=f"HEAD /{bucket.bucket} ".encode(), times=ALWAYS)
        first = await door.http.get(f"/v1/files/{file_id}/content", timeout=60)
        cuts = network.cuts
        second = await door.http.get(f"/v1/files/{file_id}/content")
        await storage.close()

    assert [(each.status_code, each.content) for each in (first, second)] == [(200, CONTENT)] * 2
    assert network.cuts == cuts > 0  # It is not asked for each download.


async def test_a_signed_url_is_in_no_log(door: Door) -> None:
    file_id = await door.upload()
    with capture_logs() as logs:
        answer = await door.http.get(f"/v1/files/{file_id}/content")

    assert answer.status_code == 302
    assert [log["status"] for log in logs if log["event"] == "request"] == [302]
    assert "X-Amz" not in str(logs)
