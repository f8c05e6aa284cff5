"""What is wrong with a row, in all the ways there are to say it, as OpenAI's error with a fitting status."""

import json
from typing import Any

import pytest

from overnight.translate import ClaudeChat, GeminiChat, TextEmbeddings, VertexEmbeddings
from tests.overnight.translate.results_corpus import KEY, answer, candidate, encoded, row, text

ROLE = "Please use a valid role."
BAD_ROLE = '{"error": {"code": 400, "message": "Please use a valid role.", "status": "INVALID_ARGUMENT"}}'
OVERLOADED = '{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
EXHAUSTED = "RESOURCE_EXHAUSTED: try later"
TOO_LONG = '{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long"}}'

STATED: list[tuple[Any, int, str, str | None, str]] = [
    (f"Bad Request: {BAD_ROLE}", 400, "invalid_request_error", "invalid_argument", ROLE),
    (BAD_ROLE, 400, "invalid_request_error", "invalid_argument", ROLE),
    ('{"code": 8, "message": "Quota."}', 429, "rate_limit_error", "resource_exhausted", "Quota."),
    ('{"code": 13, "message": ""}', 500, "server_error", "internal", '{"code": 13, "message": ""}'),
    ({"code": 7, "message": "No."}, 403, "permission_error", "permission_denied", "No."),
    ({"code": "NOT_FOUND", "message": "No."}, 404, "not_found_error", "not_found", "No."),
    ("INVALID_ARGUMENT", 400, "invalid_request_error", "invalid_argument", "INVALID_ARGUMENT"),
    (EXHAUSTED, 429, "rate_limit_error", "resource_exhausted", EXHAUSTED),
    ("Internal error: INTERNAL", 500, "server_error", "internal", "Internal error: INTERNAL"),
    ("DEADLINE_EXCEEDED", 504, "server_error", "deadline_exceeded", "DEADLINE_EXCEEDED"),
    ("Too Many Requests: wait", 429, "rate_limit_error", None, "Too Many Requests: wait"),
    ("Service Unavailable", 503, "server_error", None, "Service Unavailable"),
    ("Unauthorized: who?", 401, "authentication_error", None, "Unauthorized: who?"),
    ("Error: quota exceeded", 500, "server_error", None, "Error: quota exceeded"),
    ("Bad Request: {half", 400, "invalid_request_error", None, "Bad Request: {half"),
    (f"Bad Request: {TOO_LONG}", 400, "invalid_request_error", "invalid_request_error", "prompt is too long"),
    (OVERLOADED, 529, "server_error", "overloaded_error", "Overloaded"),
    ({"error": {"code": 404, "message": "Gone."}}, 404, "not_found_error", None, "Gone."),
    (["odd"], 500, "server_error", None, "['odd']"),
]
WELL = ["", "OK", "ok ", None, {}, [], 0, False, {"code": 0}, '{"code": 0}']


@pytest.mark.parametrize(("status", "http", "kind", "code", "message"), STATED, ids=range(len(STATED)))
def test_a_status_is_read_however_it_is_written(
    status: Any, http: int, kind: str, code: str | None, message: str
) -> None:
    read = GeminiChat(model="gemini-2.5-flash").reply(encoded(row(status=status)))
    assert read is not None
    assert (read.key, read.status) == (KEY, http)
    assert json.loads(read.body) == {"error": {"message": message, "type": kind, "param": None, "code": code}}


@pytest.mark.parametrize("status", WELL, ids=str)
def test_where_all_is_well_there_is_no_error(status: Any) -> None:
    found = row(answer(candidate(text("Hi"))), status=status)
    read = GeminiChat(model="gemini-2.5-flash").reply(encoded(found))
    assert read is not None
    assert read.status == 200


def test_an_error_may_stand_beside_the_status_too() -> None:
    found = row(error={"code": 404, "message": "No such thing.", "status": "NOT_FOUND"})
    read = GeminiChat(model="gemini-2.5-flash").reply(encoded(found))
    assert read is not None
    assert read.status == 404


def test_all_shapes_read_a_status() -> None:
    failed = {"status": f"Bad Request: {BAD_ROLE}", "response": {}, "key": "k", "custom_id": "k"}
    for shape in (
        ClaudeChat(model="claude-sonnet-4-6"),
        VertexEmbeddings(model="gemini-embedding-001"),
        TextEmbeddings(model="text-embedding-005"),
    ):
        read = shape.reply(json.dumps(failed).encode())
        assert read is not None
        assert (read.key, read.status) == ("k", 400)
