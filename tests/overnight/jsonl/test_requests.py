"""Requests as they are sent: the body untouched, but for the model where that is asked for."""

import json

from overnight.jsonl import Request, read_requests, with_model

BODY = b'{ "model":"gpt-a", "temperature":1.10, "n":12345678901234567890123,"text":"\\u00e4\\/ \xc3\xa4" }'


def test_a_body_is_handed_on_as_it_was_written() -> None:
    chunk = b'{"custom_id":"\\u00e4","method":"POST","url":"/","body":' + BODY + b"}\r\n"
    assert list(read_requests(chunk, first_index=7)) == [Request(7, "ä", BODY)]


def test_blank_lines_are_no_requests_and_take_no_index() -> None:
    line = b'{"custom_id":"%d","body":{}}'
    chunk = b"\n \n" + line % 1 + b"\n\r\n\t\n" + line % 2
    assert [(request.index, request.custom_id) for request in read_requests(chunk, first_index=5)] == [
        (5, "1"),
        (6, "2"),
    ]


def test_an_empty_chunk_has_no_requests() -> None:
    assert list(read_requests(b"", first_index=0)) == []


def test_another_model_changes_nothing_else() -> None:
    changed = with_model(BODY, 'my "model"')
    assert json.loads(changed) == json.loads(BODY) | {"model": 'my "model"'}
    for untouched in (b"1.10", b"12345678901234567890123", b'"\\u00e4\\/ \xc3\xa4"'):
        assert untouched in changed


def test_a_body_without_a_model_gets_one() -> None:
    assert json.loads(with_model(b'{"input":[]}', "m")) == {"input": [], "model": "m"}
