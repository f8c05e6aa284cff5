from urllib.parse import unquote

import pytest

from tests.api.forms import CONTENT_TYPE, field, file, form
from tests.api.served import Served

CONTENT = b'{"n":1}\n{"n":2}\n'


async def upload(served: Served, content: bytes = CONTENT, *, name: str = "in.jsonl") -> str:
    purpose = field("purpose", "user_data")
    async with served.http() as http:
        answer = await http.post(
            "/v1/files", content=form(purpose, file(content, name=name)), headers=CONTENT_TYPE
        )
    file_id: str = answer.json()["id"]
    return file_id


async def test_content_says_what_it_is(served: Served) -> None:
    file_id = await upload(served)
    async with served.http() as http:
        answer = await http.get(f"/v1/files/{file_id}/content")
    assert answer.content == CONTENT
    assert answer.headers["content-type"] == "application/jsonl"
    assert answer.headers["content-length"] == str(len(CONTENT))
    assert answer.headers["accept-ranges"] == "bytes"
    assert answer.headers["content-disposition"].startswith('attachment; filename="in.jsonl"')


async def test_head_says_the_same_without_the_content(served: Served) -> None:
    file_id = await upload(served)
    async with served.http() as http:
        answer = await http.head(f"/v1/files/{file_id}/content")
    assert answer.status_code == 200
    assert answer.content == b""
    assert answer.headers["content-length"] == str(len(CONTENT))


@pytest.mark.parametrize(
    ("wanted", "got", "content_range"),
    [
        ("bytes=0-3", CONTENT[:4], "bytes 0-3/16"),
        ("bytes=4-", CONTENT[4:], "bytes 4-15/16"),
        ("bytes=-5", CONTENT[-5:], "bytes 11-15/16"),
        ("bytes=-99", CONTENT, "bytes 0-15/16"),
        ("bytes=15-99", CONTENT[15:], "bytes 15-15/16"),
    ],
)
async def test_one_range_is_served(served: Served, wanted: str, got: bytes, content_range: str) -> None:
    file_id = await upload(served)
    async with served.http() as http:
        answer = await http.get(f"/v1/files/{file_id}/content", headers={"range": wanted})
    assert answer.status_code == 206
    assert answer.content == got
    assert answer.headers["content-range"] == content_range
    assert answer.headers["content-length"] == str(len(got))


@pytest.mark.parametrize("wanted", ["bytes=16-", "bytes=99-100", "bytes=-0"])
async def test_a_range_outside_of_the_file_is_a_416_that_says_its_size(served: Served, wanted: str) -> None:
    file_id = await upload(served)
    async with served.http() as http:
        answer = await http.get(f"/v1/files/{file_id}/content", headers={"range": wanted})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */16"
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("wanted", ["bytes=3-1", "bytes=0-1,4-5", "lines=1-2", "bytes=-", "bytes=a-b"])
async def test_a_range_of_another_form_is_ignored(served: Served, wanted: str) -> None:
    file_id = await upload(served)
    async with served.http() as http:
        answer = await http.get(f"/v1/files/{file_id}/content", headers={"range": wanted})
    assert answer.status_code == 200
    assert answer.content == CONTENT


async def test_an_empty_file_has_empty_content(served: Served) -> None:
    file_id = await upload(served, b"", name="empty.txt")
    async with served.http() as http:
        answer = await http.get(f"/v1/files/{file_id}/content")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-length"] == "0"


@pytest.mark.parametrize("name", ["naïve 日本.jsonl", "it's;odd,100%.jsonl"])
async def test_a_name_survives_the_way_there_and_back(served: Served, name: str) -> None:
    file_id = await upload(served, name=name)
    async with served.http() as http:
        answer = await http.get(f"/v1/files/{file_id}/content")
    _, _, spelled = answer.headers["content-disposition"].partition("filename*=UTF-8''")
    assert unquote(spelled) == name


async def test_a_large_file_comes_back_whole(served: Served) -> None:
    content = bytes(range(256)) * 20_000
    file_id = await upload(served, content, name="large.bin")
    async with served.http() as http:
        answer = await http.get(f"/v1/files/{file_id}/content")
    assert answer.content == content


async def test_bytes_that_are_gone_are_a_404_that_does_not_name_their_key(served: Served) -> None:
    file_id = await upload(served)
    await served.storage.delete(f"files/{file_id}")
    async with served.http() as http:
        answer = await http.get(f"/v1/files/{file_id}/content")
    assert answer.status_code == 404
    assert "files/" not in answer.json()["error"]["message"]
