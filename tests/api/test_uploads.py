"""A file that comes in parts is a file like any other, and until it is complete it is none."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import openai
import pytest

from api.app import create_app
from overnight.config import Settings
from overnight.domain.upload import UPLOAD_LIFETIME
from tests.api.forms import CONTENT_TYPE, LINE, form, part
from tests.api.parts import CONTENT, DAY, THIRD, begun, in_thirds, sent, stored
from tests.api.served import BLOCK, Served, listening


@pytest.mark.parametrize("base", ["/v1", "", "/openai/v1"])
async def test_parts_sent_at_once_and_out_of_order_become_the_file(served: Served, base: str) -> None:
    async with served.sdk(base=base) as client:
        upload = await begun(client)
        cut = [CONTENT[at : at + THIRD] for at in range(0, len(CONTENT), THIRD)]
        ids = await asyncio.gather(*(sent(client, upload.id, each) for each in reversed(cut)))
        done = await client.uploads.complete(upload.id, part_ids=list(reversed(ids)))
        content = (await client.files.content(done.file.id)).content
        listed = [file.id async for file in client.files.list(purpose="batch")]
    assert (upload.object, upload.status, upload.bytes, upload.file) == (
        "upload",
        "pending",
        len(CONTENT),
        None,
    )
    assert (upload.filename, upload.purpose) == ("in.jsonl", "batch")
    assert upload.expires_at == upload.created_at + 3_600
    assert (done.id, done.status) == (upload.id, "completed")
    assert content == CONTENT
    assert listed == [done.file.id]
    assert (done.file.bytes, done.file.filename, done.file.purpose) == (len(CONTENT), "in.jsonl", "batch")


async def test_the_sdk_sends_a_file_in_chunks_by_itself(served: Served, tmp_path: Path) -> None:
    path = tmp_path / "large.jsonl"
    path.write_bytes(LINE * 1_000)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324 - what the API asks for
    async with served.sdk() as client:
        done = await client.uploads.upload_file_chunked(
            file=path, mime_type="text/jsonl", purpose="batch", part_size=30_000, md5=md5
        )
        assert done.file is not None
        content = (await client.files.content(done.file.id)).content
    assert content == path.read_bytes()


async def test_objects_have_all_of_openais_keys(served: Served) -> None:
    async with served.http() as http:
        body = {"filename": "a.txt", "purpose": "user_data", "bytes": 2, "mime_type": "text/plain"}
        upload = (await http.post("/v1/uploads", json=body)).json()
        sent = await http.post(
            f"/v1/uploads/{upload['id']}/parts", content=form(part(b"hi")), headers=CONTENT_TYPE
        )
        done = await http.post(f"/v1/uploads/{upload['id']}/complete", json={"part_ids": [sent.json()["id"]]})
    assert set(upload) == set(done.json()) == set(openai.types.Upload.model_fields)
    assert set(sent.json()) == set(openai.types.uploads.UploadPart.model_fields)
    assert (sent.json()["object"], sent.json()["upload_id"]) == ("upload.part", upload["id"])
    assert set(done.json()["file"]) == set(openai.types.FileObject.model_fields)


async def test_a_file_is_kept_as_long_as_one_that_came_whole(served: Served) -> None:
    async def expiry(client: openai.AsyncOpenAI, **wanted: Any) -> int | None:
        upload = await begun(client, **wanted)
        served.clock.now = datetime.now(UTC) + timedelta(minutes=50)
        done = await client.uploads.complete(upload.id, part_ids=await in_thirds(client, upload.id))
        served.clock.now = None
        assert done.file is not None
        # Counted from when there is a file.
        assert done.file.created_at - upload.created_at >= 3_000
        return done.file.expires_at and done.file.expires_at - done.file.created_at

    async with served.sdk() as client:
        assert await expiry(client) == 30 * DAY
        assert await expiry(client, purpose="user_data") is None
        asked = {"anchor": "created_at", "seconds": 7_200}
        assert await expiry(client, expires_after=asked) == 7_200


async def test_the_provider_that_an_upload_names_is_the_files(served: Served) -> None:
    async with served.sdk() as client:
        upload = await begun(client, extra_body={"custom_llm_provider": "openai"})
        done = await client.uploads.complete(upload.id, part_ids=await in_thirds(client, upload.id))
        file = await served.catalog.file(done.file.id, project="default", now=datetime.now(UTC))
    assert file.provider == "openai"


async def test_completing_twice_with_the_same_parts_returns_the_same_file(served: Served) -> None:
    async with served.sdk() as client:
        upload = await begun(client)
        ids = await in_thirds(client, upload.id)
        once, again = [await client.uploads.complete(upload.id, part_ids=ids) for _ in range(2)]
        with pytest.raises(openai.ConflictError) as other:
            await client.uploads.complete(upload.id, part_ids=ids[::-1])
    assert once == again
    assert len(stored(served, "files")) == 1
    assert "status 'completed'" in other.value.message
    assert other.value.response.headers["x-should-retry"] == "false"


async def test_a_completed_upload_whose_file_was_deleted_says_so(served: Served) -> None:
    async with served.sdk() as client:
        upload = await begun(client)
        ids = await in_thirds(client, upload.id)
        done = await client.uploads.complete(upload.id, part_ids=ids)
        await client.files.delete(done.file.id)
        with pytest.raises(openai.NotFoundError, match=done.file.id):
            await client.uploads.complete(upload.id, part_ids=ids)


async def test_two_completes_at_once_make_one_file(served: Served) -> None:
    async with served.sdk() as client:
        upload = await begun(client)
        ids = await in_thirds(client, upload.id)
        first, second = await asyncio.gather(
            *(client.uploads.complete(upload.id, part_ids=ids) for _ in range(2))
        )
    assert first == second
    assert len(stored(served, "files")) == 1


async def test_a_client_that_lost_patience_asks_again_and_gets_the_one_file(served: Served) -> None:
    async with served.sdk() as client:
        upload = await begun(client)
        ids = await in_thirds(client, upload.id)
        served.storage.flowing.clear()
        with pytest.raises(openai.APITimeoutError):
            await client.uploads.complete(upload.id, part_ids=ids, timeout=0.5)
        again = asyncio.create_task(client.uploads.complete(upload.id, part_ids=ids))
        await asyncio.sleep(0)
        served.storage.flowing.set()
        done = await again
        listed = [file.id async for file in client.files.list()]
    assert listed == [done.file.id]
    assert len(stored(served, "files")) == 1


async def test_two_gateways_asked_at_once_make_one_file(served: Served, settings: Settings) -> None:
    second: Any = create_app(
        settings=settings,
        storage=served.storage,
        catalog=served.catalog,
        runs=served.runs,  # type: ignore[arg-type]
    )
    async with listening(second) as port, served.sdk() as client:
        elsewhere = client.with_options(base_url=f"http://127.0.0.1:{port}/v1")
        for _ in range(5):
            upload = await begun(client)
            ids = await in_thirds(client, upload.id)
            done = await asyncio.gather(
                *(each.uploads.complete(upload.id, part_ids=ids) for each in (client, elsewhere))
            )
            assert done[0] == done[1]
    assert len(stored(served, "files")) == 5


async def test_parts_are_read_piece_by_piece_as_they_become_the_file(served: Served) -> None:
    content = LINE * (64 * BLOCK // len(LINE))
    async with served.sdk() as client:
        upload = await begun(client, content)
        ids = [await sent(client, upload.id, content)]
        served.storage.blocks.clear()
        await client.uploads.complete(upload.id, part_ids=ids)
    assert sum(served.storage.blocks) == len(content)
    assert max(served.storage.blocks) <= 2**20


async def test_an_upload_expires_when_no_part_has_come_for_an_hour(served: Served) -> None:
    start, minute = datetime.now(UTC), timedelta(minutes=1)
    async with served.sdk() as client:
        upload = await begun(client)
        served.clock.now = start + UPLOAD_LIFETIME - minute
        ids = await in_thirds(client, upload.id)
        served.clock.now += UPLOAD_LIFETIME - minute
        late = await client.uploads.parts.create(upload.id, data=b"x")
        assert late.created_at == int(served.clock.now.timestamp())
        served.clock.now += UPLOAD_LIFETIME
        for step in (
            client.uploads.parts.create(upload.id, data=b"x"),
            client.uploads.complete(upload.id, part_ids=ids),
            client.uploads.cancel(upload.id),
        ):
            with pytest.raises(openai.ConflictError, match="status 'expired'"):
                await step
    assert len(stored(served, "uploads")) == 4
    assert stored(served, "files") == []


async def test_a_cancelled_upload_takes_nothing_more(served: Served) -> None:
    async with served.sdk() as client:
        upload = await begun(client)
        ids = await in_thirds(client, upload.id)
        cancelled = [await client.uploads.cancel(upload.id) for _ in range(2)]
        with pytest.raises(
            openai.ConflictError, match="Cannot add a part to an upload with status 'cancelled'"
        ):
            await client.uploads.parts.create(upload.id, data=b"x")
        with pytest.raises(openai.ConflictError, match="Cannot complete"):
            await client.uploads.complete(upload.id, part_ids=ids)
    assert [each.status for each in cancelled] == ["cancelled"] * 2
    assert len(stored(served, "uploads")) == 3


async def test_a_completed_upload_can_not_be_cancelled(served: Served) -> None:
    async with served.sdk() as client:
        upload = await begun(client)
        done = await client.uploads.complete(upload.id, part_ids=await in_thirds(client, upload.id))
        with pytest.raises(openai.ConflictError, match="status 'completed'"):
            await client.uploads.cancel(upload.id)
        assert (await client.files.content(done.file.id)).content == CONTENT


async def test_an_upload_that_is_cancelled_while_a_part_comes_keeps_nothing_of_it(served: Served) -> None:
    async with served.sdk() as client, served.http() as http:
        upload = await begun(client)

        async def body() -> AsyncIterator[bytes]:
            whole = form(part(CONTENT))
            yield whole[:200]
            await client.uploads.cancel(upload.id)
            yield whole[200:]

        answer = await http.post(f"/v1/uploads/{upload.id}/parts", content=body(), headers=CONTENT_TYPE)
    assert answer.status_code == 409
    assert served.storage.everything() == []


async def test_an_unknown_upload_is_named_before_its_part_is_read(served: Served) -> None:
    async with served.sdk() as client:
        for step in (
            client.uploads.parts.create("upload_nope", data=b"x"),
            client.uploads.complete("upload_nope", part_ids=["part_1"]),
            client.uploads.cancel("upload_nope"),
        ):
            with pytest.raises(openai.NotFoundError, match="No such Upload object: upload_nope") as error:
                await step
            assert error.value.param == "upload_id"
