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
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain.errors import CatalogUnavailable
from overnight.domain.upload import MAX_PART_BYTES, MAX_UPLOAD_BYTES, UPLOAD_LIFETIME
from tests.api.forms import CONTENT_TYPE, LINE, form, part
from tests.api.served import BLOCK, Served, listening

DAY = 86_400
CONTENT = LINE * 9
THIRD = len(CONTENT) // 3


async def begun(client: openai.AsyncOpenAI, content: bytes = CONTENT, **extra: Any) -> Any:
    """Begin an upload of so many bytes."""
    wanted: Any = {"filename": "in.jsonl", "purpose": "batch", "mime_type": "text/jsonl", **extra}
    return await client.uploads.create(bytes=len(content), **wanted)


async def sent(client: openai.AsyncOpenAI, upload_id: str, content: bytes) -> str:
    """Send a part and return its id."""
    return (await client.uploads.parts.create(upload_id, data=content)).id


async def in_thirds(client: openai.AsyncOpenAI, upload_id: str) -> list[str]:
    """Send CONTENT in three parts, and return their ids in order."""
    return [await sent(client, upload_id, CONTENT[at : at + THIRD]) for at in range(0, len(CONTENT), THIRD)]


def stored(served: Served, folder: str) -> list[Path]:
    """What lies in storage below `folder`."""
    return [path for path in served.storage.everything() if (served.storage.root / folder) in path.parents]


async def refused(served: Served, path: str, body: Any) -> dict[str, Any]:
    """Send a body that must get a 400; return the error."""
    async with served.http() as http:
        answer = await http.post(f"/v1/uploads{path}", json=body)
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return error


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


@pytest.mark.parametrize(
    ("choose", "extra", "param", "words"),
    [
        (lambda ids: ids[:2], {}, "part_ids", "together"),
        (lambda ids: [*ids[:2], ids[0]], {}, "part_ids", "more than once"),
        (lambda ids: [*ids[:2], "part_nope"], {}, "part_ids", "No such part of upload"),
        (lambda ids: ids[::-1], {"md5": "0" * 32}, "md5", "another"),
        (lambda ids: ids, {"md5": "soon"}, "md5", "pattern"),
        (lambda _: [], {}, "part_ids", "empty array"),
        (lambda _: ["part"] * 10_001, {}, "part_ids", "array too long"),
        (lambda _: "part", {}, "part_ids", "expected an array"),
    ],
)
async def test_parts_that_are_not_the_file_are_refused_and_can_still_be_put_right(
    served: Served, choose: Any, extra: dict[str, str], param: str, words: str
) -> None:
    async with served.sdk() as client:
        upload = await begun(client)
        ids = await in_thirds(client, upload.id)
        error = await refused(served, f"/{upload.id}/complete", {"part_ids": choose(ids), **extra})
        assert stored(served, "files") == []
        md5 = hashlib.md5(CONTENT).hexdigest().upper()  # noqa: S324 - what the API asks for
        done = await client.uploads.complete(upload.id, part_ids=ids, md5=md5)
    assert error["param"] == param
    assert words in error["message"]
    assert done.status == "completed"


async def test_parts_of_another_upload_are_unknown(served: Served) -> None:
    async with served.sdk() as client:
        mine, other = await begun(client), await begun(client)
        ids = await in_thirds(client, other.id)
    error = await refused(served, f"/{mine.id}/complete", {"part_ids": ids})
    assert ids[0] in error["message"]


@pytest.mark.parametrize("content", [b"hello, world\n", b"\x89PNG\r\n\x1a\n"])
async def test_what_is_no_jsonl_becomes_no_batch_file(served: Served, content: bytes) -> None:
    async with served.sdk() as client:
        upload = await begun(client, content)
        ids = [await sent(client, upload.id, content)]
    error = await refused(served, f"/{upload.id}/complete", {"part_ids": ids})
    assert "Must be .jsonl" in error["message"]
    assert stored(served, "files") == []


@pytest.mark.parametrize(
    ("change", "param", "code"),
    [
        ({"filename": "in.txt"}, "filename", None),
        ({"filename": ""}, "filename", "invalid_value"),
        ({"filename": None}, "filename", "invalid_type"),
        ({"purpose": "fun"}, "purpose", "invalid_value"),
        ({"purpose": "batch_output"}, "purpose", "invalid_value"),
        ({"bytes": 0}, "bytes", "integer_below_min_value"),
        ({"bytes": MAX_UPLOAD_BYTES + 1}, "bytes", "integer_above_max_value"),
        ({"bytes": "10"}, "bytes", "invalid_type"),
        ({"mime_type": ""}, "mime_type", "string_below_min_length"),
        (
            {"expires_after": {"anchor": "created_at", "seconds": 60}},
            "expires_after.seconds",
            "integer_below_min_value",
        ),
        ({"expires_after": {"seconds": 7_200}}, "expires_after.anchor", "missing_required_parameter"),
        ({"custom_llm_provider": "acme"}, "custom_llm_provider", "invalid_value"),
    ],
)
async def test_an_upload_that_can_not_become_a_file_is_not_begun(
    served: Served, change: dict[str, Any], param: str, code: str | None
) -> None:
    wanted = {"filename": "in.jsonl", "purpose": "batch", "bytes": 10, "mime_type": "text/jsonl"}
    error = await refused(served, "", {**wanted, **change})
    assert (error["param"], error["code"]) == (param, code)


@pytest.mark.parametrize("missing", ["filename", "purpose", "bytes", "mime_type"])
async def test_what_is_missing_is_named(served: Served, missing: str) -> None:
    wanted = {"filename": "in.jsonl", "purpose": "batch", "bytes": 10, "mime_type": "text/jsonl"}
    wanted.pop(missing)
    error = await refused(served, "", wanted)
    assert (error["param"], error["code"]) == (missing, "missing_required_parameter")


async def test_folders_are_no_part_of_an_uploads_name(served: Served) -> None:
    async with served.sdk() as client:
        assert (await begun(client, filename="C:\\work\\in.jsonl")).filename == "in.jsonl"


@pytest.mark.parametrize(
    ("body", "param", "words"),
    [
        (form(part(b"")), "data", "empty"),
        (form(part(b"a"), part(b"b")), "data", "one 'data'"),
        (form(), "data", "Missing required parameter: 'data'."),
        (form(part(b"abc"))[:-30], None, "ended early"),
    ],
)
async def test_a_form_without_a_whole_part_is_refused_and_leaves_nothing(
    served: Served, body: bytes, param: str | None, words: str
) -> None:
    async with served.sdk() as client, served.http() as http:
        upload = await begun(client)
        answer = await http.post(f"/v1/uploads/{upload.id}/parts", content=body, headers=CONTENT_TYPE)
    error = answer.json()["error"]
    assert (answer.status_code, error["param"]) == (400, param)
    assert words in error["message"]
    assert served.storage.everything() == []


async def test_a_part_that_says_it_is_too_large_is_refused_unread(served: Served) -> None:
    async with served.sdk() as client:
        upload = await begun(client)
    reader, writer = await served.connection()
    head = "POST /v1/uploads/{} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer sk-1234\r\n{}\r\n\r\n"
    length = f"content-type: {CONTENT_TYPE['content-type']}\r\ncontent-length: {MAX_PART_BYTES + 2**20}"
    writer.write(head.format(f"{upload.id}/parts", length).encode())
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 10)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'"param":"data"' in answer


@pytest.mark.parametrize("extra", [0, 1])
async def test_a_part_has_at_most_64_mebibytes(served: Served, extra: int) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield form(part(b""))[: -len(form()) - 2]
        for _ in range(64):
            yield bytes(2**20)
        yield bytes(extra) + b"\r\n" + form()

    async with served.sdk() as client, served.http() as http:
        upload = await begun(client)
        answer = await http.post(f"/v1/uploads/{upload.id}/parts", content=body(), headers=CONTENT_TYPE)
    if extra:
        assert answer.status_code == 400
        assert served.storage.everything() == []
    else:
        assert answer.status_code == 200
        assert [path.stat().st_size for path in served.storage.everything()] == [MAX_PART_BYTES]
        # Neither the client's pieces nor what storage is handed grow with the part.
        assert max(served.storage.blocks) <= 512 * 2**10


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


async def test_an_upload_that_the_disk_can_not_hold_with_its_results_is_not_begun(served: Served) -> None:
    served.storage.free = 3 * len(CONTENT) + 999
    async with served.http() as http:
        wanted = {"filename": "in.jsonl", "purpose": "batch", "mime_type": "x", "bytes": len(CONTENT)}
        answer = await http.post("/v1/uploads", json=wanted)
        served.storage.free += 1
        fits = await http.post("/v1/uploads", json=wanted)
    assert (answer.status_code, fits.status_code) == (507, 200)
    assert answer.json()["error"]["code"] == "insufficient_storage"


async def test_a_disk_that_has_filled_up_meanwhile_refuses_and_lets_it_be_tried_again(served: Served) -> None:
    async with served.sdk() as client:
        upload = await begun(client)
        served.storage.free = 1_500
        with pytest.raises(openai.InternalServerError, match="not enough room"):
            await sent(client, upload.id, CONTENT)
        assert served.storage.everything() == []
        served.storage.free = None
        ids = await in_thirds(client, upload.id)
        # Its parts are there already, so it needs room twice and not three times.
        served.storage.free = 2 * len(CONTENT) + 999
        with pytest.raises(openai.InternalServerError, match="not enough room"):
            await client.uploads.complete(upload.id, part_ids=ids)
        served.storage.free += 1
        assert (await client.uploads.complete(upload.id, part_ids=ids)).status == "completed"


async def test_a_completion_that_storage_breaks_off_leaves_nothing_and_is_repeated(
    served: Served,
) -> None:
    async with served.sdk() as client:
        upload = await begun(client)
        ids = await in_thirds(client, upload.id)
        served.storage.full_after = len(CONTENT) + THIRD
        with pytest.raises(openai.InternalServerError):
            await client.uploads.complete(upload.id, part_ids=ids)
        assert stored(served, "files") == []
        served.storage.full_after = None
        assert (await client.uploads.complete(upload.id, part_ids=ids)).status == "completed"


async def test_a_part_whose_row_can_not_be_written_leaves_no_bytes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def add_part(*_: object, **__: object) -> None:
        raise CatalogUnavailable("writing failed: OperationalError")

    monkeypatch.setattr(Catalog, "add_part", add_part)
    async with served.sdk() as client:
        upload = await begun(client)
        with pytest.raises(openai.InternalServerError):
            await sent(client, upload.id, CONTENT)
    assert served.storage.everything() == []
