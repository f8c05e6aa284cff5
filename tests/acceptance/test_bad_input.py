"""Bad input, and what it gets: a clear error or a correct success, nothing left behind, and on it goes."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from openai import BadRequestError, OpenAI

from tests.acceptance.inputs import (
    assert_every_line_once,
    chat,
    create,
    submit,
    suffering,
    write_lines,
    write_requests,
)
from tests.acceptance.serving import Served, ended, results, until
from tests.api.forms import BOUNDARY, CONTENT_TYPE, end, field, file, form

LARGE_LINE = 50 * 10**6
MORE_THAN_ANY_DISK = 2**52
ENOUGH_TO_BE_WRITTEN = 6 * 2**20
"""Bytes of an upload after which the first of them are on the disk."""

REFUSED = {
    "empty": b"",
    "only white space": b" \n\n",
    "not JSONL": b"custom_id,prompt\n1,hello\n",
    "a JSON array": b'[{"custom_id": "a"}]\n',
    "half an object": b'{"custom_id": "a", "meth',
    "with a byte order mark": b"\xef\xbb\xbf" + json.dumps({"custom_id": "a"}).encode(),
    "binary": bytes(range(256)) * 9,
}


def lines(count: int) -> list[bytes]:
    """Return good lines, without what stands between them."""
    return [
        json.dumps(
            {
                "custom_id": f"r-{number}",
                "method": "POST",
                "url": "/v1/chat/completions",
                "body": chat(f"question {number}"),
            }
        ).encode()
        for number in range(count)
    ]


def uploaded(client: OpenAI, content: bytes, *, name: str = "in.jsonl") -> str:
    return client.files.create(file=(name, content), purpose="batch").id


def post(served: Served, body: bytes) -> httpx2.Response:
    return httpx2.post(f"{served.url}/v1/files", content=body, headers=CONTENT_TYPE, timeout=60)


def kept(served: Served) -> set[str]:
    """Return the names of all uploads and results that are stored."""
    folder = served.data / "objects" / "files"
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def drafts(served: Served) -> list[Path]:
    """Return what is being written just now, or was left half-written."""
    folder = served.data / "objects" / ".incoming"
    return list(folder.iterdir()) if folder.exists() else []


@pytest.fixture
def unharmed(served: Served, client: OpenAI, tmp_path: Path) -> Iterator[None]:
    """Check that after the test nothing new is stored, nothing is half-written, and batches still run."""
    before = kept(served)
    yield
    until(lambda: not drafts(served), log=served.log)
    assert kept(served) <= before
    final = ended(client, submit(client, write_requests(tmp_path / "good.jsonl", 1)).id, log=served.log)
    assert final.status == "completed"


def envelope(response: httpx2.Response) -> Any:
    error = response.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    return error


@pytest.mark.usefixtures("unharmed")
def test_what_is_no_jsonl_is_refused_when_it_is_uploaded(client: OpenAI) -> None:
    for content in REFUSED.values():
        with pytest.raises(BadRequestError, match=r"Invalid file format for Batch API\. Must be \.jsonl"):
            uploaded(client, content)
    with pytest.raises(BadRequestError, match=r"Must be \.jsonl"):
        uploaded(client, lines(1)[0], name="in.csv")


@pytest.mark.usefixtures("unharmed")
def test_a_form_that_is_not_whole_or_has_two_files_is_refused(served: Served) -> None:
    purpose, good = field("purpose", "batch"), file(lines(1)[0])
    whole = form(purpose, good)

    early = post(served, whole.removesuffix(end()))
    in_the_middle = post(served, whole[: len(whole) // 2])
    twice = post(served, form(purpose, good, file(lines(1)[0], name="second.jsonl")))
    without = post(served, form(purpose))

    assert [each.status_code for each in (early, in_the_middle, twice, without)] == [400] * 4
    assert "closing boundary is missing" in envelope(early)["message"]
    assert "closing boundary is missing" in envelope(in_the_middle)["message"]
    assert (envelope(twice)["param"], envelope(twice)["code"]) == ("file", "duplicate_parameter")
    assert envelope(without)["code"] == "missing_required_parameter"


@pytest.mark.usefixtures("unharmed")
def test_a_client_that_hangs_in_an_upload_and_goes_away_leaves_nothing_behind(served: Served) -> None:
    head = f"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: {10**7}\r\n"
    head += f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n"
    content = lines(1)[0] + b"\n" * ENOUGH_TO_BE_WRITTEN
    opened = form(field("purpose", "batch"), file(content)).removesuffix(end())

    with socket.create_connection(("127.0.0.1", served.port)) as client:
        client.sendall(head.encode() + opened)
        until(lambda: drafts(served), log=served.log)

    until(lambda: not drafts(served), log=served.log)


@pytest.mark.usefixtures("unharmed")
def test_an_upload_that_the_disk_can_not_hold_is_refused_before_it_is_sent(served: Served) -> None:
    head = f"POST /v1/files HTTP/1.1\r\nHost: localhost\r\nContent-Length: {MORE_THAN_ANY_DISK}\r\n"
    head += f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\nConnection: close\r\n\r\n"

    with socket.create_connection(("127.0.0.1", served.port), timeout=60) as client:
        client.sendall(head.encode())
        answer = client.makefile("rb").read()

    assert answer.startswith(b"HTTP/1.1 507 ")
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert (error["type"], error["code"]) == ("server_error", "insufficient_storage")


@pytest.mark.parametrize(
    "content",
    [
        b"\r\n".join([*lines(3), b""]),
        b"\n".join(lines(3)),
        b"\n\n".join([b"", *lines(3), b" \t", b""]),
    ],
    ids=["CRLF", "no final newline", "blank lines"],
)
def test_lines_may_end_in_any_way(served: Served, client: OpenAI, content: bytes) -> None:
    final = ended(client, create(client, uploaded(client, content)).id, log=served.log)

    assert final.status == "completed"
    assert_every_line_once(client, final, 3)
    assert final.request_counts.failed == 0


def test_a_line_of_fifty_megabytes_is_a_request_like_any_other(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    long = {"role": "system", "content": "x" * LARGE_LINE}
    body = {"model": "night", "messages": [long, {"role": "user", "content": "hello"}]}

    final = ended(client, submit(client, write_lines(tmp_path / "in.jsonl", [body])).id, log=served.log)

    assert final.status == "completed"
    assert_every_line_once(client, final, 1)
    (line,) = results(client, final.output_file_id)
    assert line["response"]["body"]["choices"][0]["message"]["content"].endswith(": hello")


def test_bytes_that_no_json_has_fail_the_batch_and_name_the_line(served: Served, client: OpenAI) -> None:
    first, second, third, fourth = lines(4)
    nul, latin = second.replace(b"question", b"ques\0tion"), third.replace(b"question", b"fr\xe4ge")

    batch = create(client, uploaded(client, b"\n".join([first, nul, latin, fourth, fourth])))
    final = ended(client, batch.id, log=served.log)

    assert final.status == "failed"
    assert [(error.line, error.code) for error in final.errors.data] == [
        (2, "invalid_json_line"),
        (3, "invalid_json_line"),
        (5, "duplicate_custom_id"),
    ]
    assert (final.output_file_id, final.error_file_id) == (None, None)


def test_an_endpoint_that_answers_rubbish_costs_only_the_lines_it_never_answers(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    rubbish: list[dict[str, Any]] = [
        {"kind": "html", "status": 200},
        {"kind": "html", "status": 500},
        {"kind": "half_json"},
        {"kind": "drop_midway"},
    ]
    fates = [suffering(**each) for each in rubbish]
    passing = [suffering(**each, times=1) for each in rubbish]
    bodies = [chat(f"question {number}", **fate) for number, fate in enumerate([*fates, *passing])]

    final = ended(client, submit(client, write_lines(tmp_path / "in.jsonl", bodies)).id, log=served.log)

    assert final.status == "completed"
    assert_every_line_once(client, final, 8)
    errors = results(client, final.error_file_id)
    assert [line["custom_id"] for line in errors] == ["r-0", "r-1", "r-2", "r-3"]
    assert [line["response"]["status_code"] for line in errors] == [502, 500, 502, 502]
    for line in errors:
        assert set(line["response"]["body"]["error"]) == {"message", "type", "param", "code"}
