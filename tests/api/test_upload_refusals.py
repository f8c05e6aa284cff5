"""What can be no upload, no part and no file, and what there is no room for, leaves nothing behind."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from overnight.catalog import Catalog
from overnight.domain.errors import CatalogUnavailable
from overnight.domain.upload import MAX_PART_BYTES, MAX_UPLOAD_BYTES, UploadPart
from tests.api.forms import CONTENT_TYPE, form, part
from tests.api.parts import CONTENT, THIRD, begun, in_thirds, refused, sent, stored
from tests.api.served import Served


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
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 60)
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


async def test_a_part_that_its_upload_no_longer_takes_leaves_no_bytes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_part = Catalog.add_part

    async def come_too_late(catalog: Catalog, added: UploadPart, **given: Any) -> None:
        await catalog.cancel_upload(added.upload_id, project=given["project"], now=given["now"])
        await add_part(catalog, added, **given)

    monkeypatch.setattr(Catalog, "add_part", come_too_late)
    async with served.sdk() as client:
        upload = await begun(client)
        with pytest.raises(openai.ConflictError, match="status 'cancelled'"):
            await sent(client, upload.id, CONTENT)
    assert served.storage.everything() == []


async def test_a_part_whose_row_was_written_though_nobody_heard_of_it_keeps_its_bytes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_part = Catalog.add_part

    async def lose_the_answer(catalog: Catalog, added: UploadPart, **given: Any) -> None:
        await add_part(catalog, added, **given)
        raise CatalogUnavailable("writing failed: ConnectionDoesNotExistError")

    monkeypatch.setattr(Catalog, "add_part", lose_the_answer)
    async with served.sdk() as client:
        upload = await begun(client)
        with pytest.raises(openai.InternalServerError):
            await sent(client, upload.id, CONTENT)
        (part_id,) = await served.catalog.parts(upload.id)
        done = await client.uploads.complete(upload.id, part_ids=[part_id])
        content = (await client.files.content(done.file.id)).content
    assert content == CONTENT
