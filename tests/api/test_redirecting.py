"""Whether downloads are redirected: found out at start, and again after a while where it can't be done."""

from datetime import UTC, datetime, timedelta

from structlog.testing import capture_logs

from api.downloads import Downloads
from api.gateway import DEFAULT_PROJECT
from overnight.domain.file import File, FilePurpose
from overnight.storage.s3_client import TRIES
from tests.api.served import Clock
from tests.emulators.gcs import GcsServer
from tests.emulators.proxy import Cut, proxy_to
from tests.emulators.s3 import S3Server


async def test_it_is_known_at_start_who_sends_the_bytes(s3: S3Server, gcs: GcsServer) -> None:
    for storage, told in (
        (s3.new_bucket().storage(), "downloads_are_redirected"),
        (gcs.new_bucket().storage(), "downloads_are_not_redirected"),
        (s3.new_bucket().storage(name="nobody-made-it"), "downloads_are_not_redirected"),
    ):
        downloads = Downloads(storage, redirected=True, clock=Clock())
        with capture_logs() as logs:
            await downloads.begin()
        await storage.close()
        assert [log["event"] for log in logs] == [told]


async def test_nobody_is_asked_at_start_where_downloads_stay_here(s3: S3Server) -> None:
    storage = s3.new_bucket().storage(name="nobody-made-it")
    with capture_logs() as logs:
        await Downloads(storage, redirected=False, clock=Clock()).begin()
    await storage.close()

    assert logs == []


async def test_downloads_are_redirected_again_by_and_by(s3: S3Server) -> None:
    file = File(
        id="file-1",
        project=DEFAULT_PROJECT,
        filename="in.jsonl",
        purpose=FilePurpose.BATCH,
        bytes=1,
        key="files/file-1",
        created_at=datetime.now(UTC),
    )
    bucket = s3.new_bucket()
    async with proxy_to(bucket.port) as network:
        network.cut = Cut(instead_of_answer_to=b"HEAD /", times=TRIES)
        over_network = bucket.storage(port=network.port)
        downloads = Downloads(over_network, redirected=True, clock=Clock(), ask_again_after=timedelta(0))
        urls = [await downloads.url_of(file) for _ in range(2)]
        await over_network.close()

    assert urls[0] is None
    assert urls[1] is not None
