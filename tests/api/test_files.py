from datetime import UTC, datetime, timedelta

import openai
import pytest

from api.requests import UploadFields
from overnight.domain.file import UPLOADABLE
from tests.api.forms import LINE
from tests.api.served import Served

DAY = 86_400


async def test_a_batch_file_is_stored_as_it_came_and_expires_after_thirty_days(served: Served) -> None:
    async with served.sdk() as client:
        file = await client.files.create(file=("in.jsonl", LINE * 3), purpose="batch")
        content = await client.files.content(file.id)
    assert (file.object, file.filename, file.purpose, file.status) == (
        "file",
        "in.jsonl",
        "batch",
        "processed",
    )
    assert file.bytes == len(LINE * 3)
    assert file.expires_at == file.created_at + 30 * DAY
    assert abs(file.created_at - datetime.now(UTC).timestamp()) < 60
    assert content.content == LINE * 3


async def test_a_file_for_another_purpose_is_not_checked_and_never_expires(served: Served) -> None:
    async with served.sdk() as client:
        file = await client.files.create(file=("picture.png", b"\x89PNG\r\n\x1a\n"), purpose="vision")
        content = await client.files.content(file.id)
    assert file.expires_at is None
    assert content.content == b"\x89PNG\r\n\x1a\n"
    assert content.response.headers["content-type"] == "application/octet-stream"


async def test_a_client_decides_when_its_file_expires(served: Served) -> None:
    async with served.sdk() as client:
        file = await client.files.create(
            file=("in.jsonl", LINE),
            purpose="batch",
            expires_after={"anchor": "created_at", "seconds": 3_600},
        )
    assert file.expires_at == file.created_at + 3_600


async def test_an_expired_file_is_not_there_any_more(served: Served) -> None:
    async with served.sdk() as client:
        file = await client.files.create(file=("in.jsonl", LINE), purpose="batch")
        served.clock.now = datetime.now(UTC) + timedelta(days=31)
        with pytest.raises(openai.NotFoundError):
            await client.files.retrieve(file.id)


async def test_files_are_listed_newest_first_or_oldest_first_and_page_by_page(served: Served) -> None:
    async with served.sdk() as client:
        ids = [(await client.files.create(file=("in.jsonl", LINE), purpose="batch")).id for _ in range(5)]
        await client.files.create(file=("notes.txt", b"hello"), purpose="user_data")
        listed = [file.id async for file in client.files.list(purpose="batch", limit=2)]
        oldest = [file.id async for file in client.files.list(purpose="batch", order="asc")]
        page = await client.files.list(purpose="batch", limit=2, after=ids[3])
    assert listed == ids[::-1]
    assert oldest == ids
    assert [file.id for file in page.data] == [ids[2], ids[1]]
    assert page.has_more
    assert page.model_extra is not None
    assert (page.model_extra["first_id"], page.model_extra["last_id"]) == (ids[2], ids[1])


async def test_a_list_of_no_files_has_null_ids(served: Served) -> None:
    async with served.http() as http:
        listed = (await http.get("/v1/files")).json()
    assert listed == {"object": "list", "data": [], "first_id": None, "last_id": None, "has_more": False}


async def test_a_deleted_file_is_gone(served: Served) -> None:
    async with served.sdk() as client:
        file = await client.files.create(file=("in.jsonl", LINE), purpose="batch")
        deleted = await client.files.delete(file.id)
        with pytest.raises(openai.NotFoundError):
            await client.files.content(file.id)
        with pytest.raises(openai.NotFoundError):
            await client.files.delete(file.id)
    assert deleted.model_dump() == {"id": file.id, "object": "file", "deleted": True}


async def test_a_file_has_all_of_openais_keys(served: Served) -> None:
    async with served.sdk() as client, served.http() as http:
        file = await client.files.create(file=("in.jsonl", LINE), purpose="batch")
        shown = (await http.get(f"/v1/files/{file.id}")).json()
    assert set(shown) == set(openai.types.FileObject.model_fields)


async def test_an_unknown_file_is_named(served: Served) -> None:
    async with served.http() as http:
        answer = await http.get("/v1/files/file-nope")
    assert answer.status_code == 404
    assert answer.json()["error"] == {
        "message": "No such File object: file-nope",
        "type": "invalid_request_error",
        "param": "id",
        "code": None,
    }


@pytest.mark.parametrize(
    ("query", "param", "code"),
    [
        ("limit=0", "limit", "integer_below_min_value"),
        ("limit=10001", "limit", "integer_above_max_value"),
        ("limit=many", "limit", "invalid_type"),
        ("order=sideways", "order", "invalid_value"),
        ("purpose=fun", "purpose", "invalid_value"),
        ("after=file-nope", "after", None),
    ],
)
async def test_a_list_that_can_not_be_is_refused(
    served: Served, query: str, param: str, code: str | None
) -> None:
    async with served.http() as http:
        answer = await http.get(f"/v1/files?{query}")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == param
    assert code is None or error["code"] == code


async def test_the_same_routes_are_there_without_the_version(served: Served) -> None:
    async with served.sdk(base="") as client:
        file = await client.files.create(file=("in.jsonl", LINE), purpose="batch")
        assert (await client.files.retrieve(file.id)).id == file.id


@pytest.mark.parametrize("purpose", UPLOADABLE)
def test_every_purpose_of_uploads_is_accepted(purpose: str) -> None:
    assert UploadFields.model_validate({"purpose": str(purpose)}).purpose == purpose
