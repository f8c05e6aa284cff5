import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from api.gateway import UploadLimits
from overnight.catalog import Catalog
from overnight.domain.errors import CatalogUnavailable
from overnight.domain.file import File
from tests.api.forms import BOUNDARY, CONTENT_TYPE, LINE, end, field, file, form
from tests.api.served import BLOCK, KEY, Served

BATCH = field("purpose", "batch")


async def refused(served: Served, body: bytes, *, headers: dict[str, str] | None = None) -> dict[str, Any]:
    """Send a body that must get a 400 and leave nothing behind; return the error."""
    async with served.http() as http:
        answer = await http.post("/v1/files", content=body, headers=headers or CONTENT_TYPE)
        listed = (await http.get("/v1/files")).json()
    assert answer.status_code == 400, answer.text
    assert listed["data"] == []
    assert served.storage.everything() == []
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return error


async def test_fields_may_come_after_the_file(served: Served) -> None:
    body = form(
        file(), field("expires_after[anchor]", "created_at"), field("expires_after[seconds]", "3600"), BATCH
    )
    async with served.http() as http:
        answer = await http.post("/v1/files", content=body, headers=CONTENT_TYPE)
    shown = answer.json()
    assert answer.status_code == 200
    assert (shown["purpose"], shown["expires_at"] - shown["created_at"]) == ("batch", 3_600)


async def test_a_provider_and_fields_nobody_knows_do_no_harm(served: Served) -> None:
    body = form(BATCH, field("custom_llm_provider", "openai"), field("target_model_names", "x"), file())
    async with served.http() as http:
        answer = await http.post("/v1/files", content=body, headers=CONTENT_TYPE)
    assert answer.status_code == 200


@pytest.mark.parametrize("step", [1, 7, 1_000])
async def test_it_does_not_matter_how_the_body_is_cut(served: Served, step: int) -> None:
    content = b'{"custom_id":"\r\n--boundarx","method":"\r\n"}\r\n'.replace(b'"\r\n-', b'"-').replace(
        b'"\r\n"', b'""'
    )
    body = form(BATCH, file(content * 20))

    async def pieces() -> Any:
        for start in range(0, len(body), step):
            yield body[start : start + step]

    async with served.http() as http:
        answer = await http.post("/v1/files", content=pieces(), headers=CONTENT_TYPE)
        file_id = answer.json()["id"]
        stored = (await http.get(f"/v1/files/{file_id}/content")).content
    assert stored == content * 20


async def test_what_the_network_delivers_is_handed_over_piece_by_piece(served: Served) -> None:
    content = LINE * (64 * BLOCK // len(LINE))
    async with served.sdk() as client:
        await client.files.create(file=("in.jsonl", content), purpose="batch")
    assert sum(served.storage.blocks) == len(content)
    assert len(served.storage.blocks) > 16
    assert max(served.storage.blocks) <= 512 * 2**10


@pytest.mark.parametrize(
    ("body", "param", "code", "words"),
    [
        (form(file()), "purpose", "missing_required_parameter", "Missing required parameter: 'purpose'."),
        (form(BATCH), "file", "missing_required_parameter", "Missing required parameter: 'file'."),
        (
            form(field("purpose", "fun"), file()),
            "purpose",
            "invalid_value",
            "Supported values are: 'assistants'",
        ),
        (form(field("purpose", "batch_output"), file()), "purpose", "invalid_value", "batch_output"),
        (form(BATCH, file(), file()), "file", "duplicate_parameter", "one 'file'"),
        (form(BATCH, BATCH, file()), "purpose", "duplicate_parameter", "one 'purpose'"),
        (form(BATCH, file(name="in.txt")), "file", None, "Invalid file format for Batch API. Must be .jsonl"),
        (form(BATCH, file(name="")), "file", "invalid_value", "must have a name"),
        (form(BATCH, file(name="a\tb.jsonl")), "file", "invalid_value", "printable"),
        (
            form(BATCH, field("custom_llm_provider", "acme"), file()),
            "custom_llm_provider",
            "invalid_value",
            "acme",
        ),
        (form(field("purpose", "x" * 5_000), file()), "purpose", "string_above_max_length", "4096 bytes"),
        (
            form(BATCH, field("expires_after[seconds]", "3600"), file()),
            "expires_after[anchor]",
            "missing_required_parameter",
            "expires_after[anchor]",
        ),
        (
            form(BATCH, field("expires_after[anchor]", "created_at"), file()),
            "expires_after[seconds]",
            "missing_required_parameter",
            "expires_after[seconds]",
        ),
        (
            form(
                BATCH,
                field("expires_after[anchor]", "created_at"),
                field("expires_after[seconds]", "60"),
                file(),
            ),
            "expires_after[seconds]",
            "integer_below_min_value",
            "3600",
        ),
        (
            form(
                BATCH,
                field("expires_after[anchor]", "created_at"),
                field("expires_after[seconds]", "soon"),
                file(),
            ),
            "expires_after[seconds]",
            "invalid_type",
            "an integer",
        ),
    ],
)
async def test_a_form_with_wrong_fields_is_refused_and_leaves_nothing(
    served: Served, body: bytes, param: str, code: str | None, words: str
) -> None:
    error = await refused(served, body)
    assert (error["param"], error["code"]) == (param, code)
    assert words in error["message"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "ended early"),
        (form(BATCH, file())[:-40], "ended early"),
        (form(BATCH, file()).removesuffix(end()), "ended early"),
        (form(BATCH, file()).removesuffix(end()) + f"--{BOUNDARY}\r\nContent-Disp".encode(), "ended early"),
        (b"hello", "not a well-formed multipart form"),
        (f"--{BOUNDARY}\nno header\n\nx\n".encode() + end(), "not a well-formed multipart form"),
        (
            f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="\xff"\r\n\r\n'.encode("latin-1"),
            "can't be read",
        ),
        (f"--{BOUNDARY}\r\nX: ".encode() + b"x" * 3 * 2**20, "not a well-formed multipart form"),
        (f"--{BOUNDARY}\r\n".encode() + b"X: x\r\n" * 2**20, "not a well-formed multipart form"),
        (f"--{BOUNDARY}\r\nX: x\r\n\r\n".encode() + end(), "can't be read"),
        (end(), "Missing required parameter: 'file'"),
    ],
)
async def test_a_body_that_is_no_whole_form_is_refused(served: Served, body: bytes, words: str) -> None:
    error = await refused(served, body)
    assert words in error["message"]


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data", "text/plain", "multipart/mixed"]
)
async def test_an_upload_that_is_not_multipart_is_refused(served: Served, content_type: str) -> None:
    error = await refused(served, form(BATCH, file()), headers={"content-type": content_type})
    assert "multipart/form-data" in error["message"]


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n" + b"\0" * 100, b"hello, world\n"])
@pytest.mark.parametrize("purpose_first", [True, False])
async def test_a_batch_file_that_is_no_jsonl_is_refused_wherever_its_purpose_stands(
    served: Served, content: bytes, *, purpose_first: bool
) -> None:
    parts = [BATCH, file(content)]
    await refused(served, form(*(parts if purpose_first else parts[::-1])))


async def test_what_is_no_jsonl_is_fine_for_another_purpose_named_after_it(served: Served) -> None:
    async with served.http() as http:
        body = form(file(b"hello"), field("purpose", "user_data"))
        answer = await http.post("/v1/files", content=body, headers=CONTENT_TYPE)
    assert answer.status_code == 200


async def test_folders_are_no_part_of_a_files_name(served: Served) -> None:
    async with served.http() as http:
        body = form(BATCH, file(name=r"C:\\work\\../in.jsonl"))
        answer = await http.post("/v1/files", content=body, headers=CONTENT_TYPE)
    assert answer.json()["filename"] == "in.jsonl"


def request_head(length: int) -> bytes:
    """The head of an upload of `length` bytes."""
    lines = (
        "POST /v1/files HTTP/1.1",
        "host: localhost",
        f"authorization: Bearer {KEY}",
        f"content-type: multipart/form-data; boundary={BOUNDARY}",
        f"content-length: {length}",
    )
    return "".join(f"{line}\r\n" for line in lines).encode() + b"\r\n"


async def becomes_true(condition: Callable[[], bool]) -> None:
    """Wait until something on the disk is as it should be; nothing tells when it is."""
    async with asyncio.timeout(60):
        while not condition():  # noqa: ASYNC110 - a folder has no event to wait for
            await asyncio.sleep(0.01)


async def test_a_client_that_goes_away_leaves_nothing_behind(served: Served) -> None:
    _, writer = await served.connection()
    # More than storage keeps in hand before it begins to write.
    begun = BATCH + file(LINE * (80 * BLOCK // len(LINE)))
    writer.write(request_head(100 * BLOCK) + begun)
    await becomes_true(lambda: served.storage.everything() != [])
    writer.close()
    await becomes_true(lambda: served.storage.everything() == [])


class TestPatience:
    @pytest.fixture
    def limits(self) -> UploadLimits:
        return UploadLimits(idle_timeout=timedelta(seconds=0.2))

    async def test_a_client_that_stalls_gets_a_408_and_leaves_nothing_behind(self, served: Served) -> None:
        reader, writer = await served.connection()
        writer.write(request_head(100 * BLOCK) + BATCH + file(LINE * (80 * BLOCK // len(LINE))))
        answer = await asyncio.wait_for(reader.read(), 60)
        assert answer.startswith(b"HTTP/1.1 408 ")
        assert b'"type":"invalid_request_error"' in answer
        assert b"x-request-id: req_" in answer
        await becomes_true(lambda: served.storage.everything() == [])
        writer.close()


async def test_an_upload_that_the_disk_can_not_hold_with_its_results_is_refused_unread(
    served: Served,
) -> None:
    served.storage.free = 30_000_000
    reader, writer = await served.connection()
    # Not a byte of the body is ever sent.
    writer.write(request_head(10_000_000))
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 60)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 507 ")
    assert b'"code":"insufficient_storage"' in answer
    assert b"x-should-retry: false" in answer


async def test_an_upload_that_just_fits_is_taken(served: Served) -> None:
    served.storage.free = 30_001_000
    async with served.http() as http:
        answer = await http.post("/v1/files", content=form(BATCH, file()), headers=CONTENT_TYPE)
    assert answer.status_code == 200


async def test_two_uploads_at_once_are_not_both_told_that_there_is_room(served: Served) -> None:
    served.storage.free = 30_001_000
    _, first = await served.connection()
    first.write(request_head(10_000_000) + BATCH + file(LINE * (80 * BLOCK // len(LINE))))
    await becomes_true(lambda: served.storage.everything() != [])
    # A disk that a test decides on does not shrink by what arrives; the rest of the promise is what counts.
    served.storage.free = 20_000_000
    async with served.http() as http:
        refusal = await http.post("/v1/files", content=form(BATCH, file()), headers=CONTENT_TYPE)
        assert refusal.status_code == 507
        first.close()
        async with asyncio.timeout(60):
            # Its room is given back when the last of it is gone.
            while answer := await http.post("/v1/files", content=form(BATCH, file()), headers=CONTENT_TYPE):
                if answer.status_code == 200:
                    break
                assert answer.status_code == 507


class TestUnknownLength:
    @pytest.fixture
    def limits(self) -> UploadLimits:
        return UploadLimits(reserved=1_000, room_step=BLOCK)

    async def test_an_upload_of_unknown_length_stops_before_the_disk_is_full(self, served: Served) -> None:
        served.storage.free = 300 * BLOCK + 1_000

        async def pieces() -> Any:
            yield BATCH + file(LINE * (200 * BLOCK // len(LINE)))
            yield end()

        async with served.http() as http:
            answer = await http.post("/v1/files", content=pieces(), headers=CONTENT_TYPE)
        assert answer.status_code == 507
        assert answer.json()["error"]["code"] == "insufficient_storage"
        assert sum(served.storage.blocks) <= 150 * BLOCK
        await becomes_true(lambda: served.storage.everything() == [])

    async def test_one_that_fits_is_taken(self, served: Served) -> None:
        served.storage.free = 300 * BLOCK + 1_000

        async def pieces() -> Any:
            yield form(BATCH, file(LINE * (90 * BLOCK // len(LINE))))

        async with served.http() as http:
            answer = await http.post("/v1/files", content=pieces(), headers=CONTENT_TYPE)
        assert answer.status_code == 200


async def test_what_follows_the_end_of_the_form_is_let_go(served: Served) -> None:
    content = LINE * 3
    async with served.http() as http:
        body = form(BATCH, file(content)) + b"x" * 2**20
        answer = await http.post("/v1/files", content=body, headers=CONTENT_TYPE)
        stored = (await http.get(f"/v1/files/{answer.json()['id']}/content")).content
    assert stored == content


async def test_a_disk_that_fills_up_in_the_middle_gives_the_same_507(served: Served) -> None:
    served.storage.full_after = BLOCK
    async with served.http() as http:
        body = form(BATCH, file(LINE * (10 * BLOCK // len(LINE))))
        answer = await http.post("/v1/files", content=body, headers=CONTENT_TYPE)
    assert answer.status_code == 507
    assert answer.json()["error"]["type"] == "server_error"
    assert served.storage.everything() == []


async def test_a_file_whose_row_was_written_though_nobody_heard_of_it_keeps_its_bytes(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_file = Catalog.add_file

    async def lose_the_answer(catalog: Catalog, added: File) -> None:
        await add_file(catalog, added)
        raise CatalogUnavailable("writing failed: ConnectionDoesNotExistError")

    monkeypatch.setattr(Catalog, "add_file", lose_the_answer)
    async with served.http() as http:
        answer = await http.post("/v1/files", content=form(BATCH, file(LINE)), headers=CONTENT_TYPE)
        (listed,) = (await http.get("/v1/files")).json()["data"]
        content = await http.get(f"/v1/files/{listed['id']}/content")
    assert answer.status_code == 503
    assert "ConnectionDoesNotExistError" not in answer.text
    assert content.content == LINE


@pytest.mark.parametrize(("name", "content"), [("in.txt", LINE), ("in.jsonl", b"hello, ")])
async def test_what_can_not_be_right_any_more_is_refused_while_it_is_still_coming(
    served: Served, name: str, content: bytes
) -> None:
    reader, writer = await served.connection()
    begun = BATCH + file(content * (2 * BLOCK // len(content)), name=name)
    writer.write(request_head(10 * BLOCK) + begun)
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 60)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert served.storage.everything() == []


async def test_the_key_is_asked_for_before_the_body_is_read(served: Served) -> None:
    reader, writer = await served.connection()
    writer.write(request_head(1_000).replace(KEY.encode(), b"sk-wrong"))
    answer = await asyncio.wait_for(reader.readuntil(b"}}"), 60)
    writer.close()
    assert answer.startswith(b"HTTP/1.1 401 ")
