"""The small parts: what is read in an answer, how long is waited, how an outcome is kept."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from overnight.domain.usage import Usage
from overnight.line_lane.answer import read_answer
from overnight.line_lane.connections import proxy_for
from overnight.line_lane.patience import Patience
from overnight.line_lane.record import Record, pack_part, unpack_part
from overnight.line_lane.result_line import answer_line, error_line


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html></html>",
        b'{"a":1',
        b'{"a":1}}',
        b"[1]",
        b'"text"',
        b'{"a":NaN}',
        b'{"a":"\xff"}',
        b'{"model":"m","a":"line\nbreak"}',
        b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_is_not_one_whole_json_object_is_no_answer(body: bytes) -> None:
    assert read_answer(body) is None


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 7}, Usage(5, 0, 7)),
        ({"input_tokens": 5, "output_tokens": 7}, Usage(5, 0, 7)),
        (
            {
                "prompt_tokens": 5,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 0},
                "completion_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(5, 2, 7, 3),
        ),
        (
            {
                "input_tokens": 5,
                "output_tokens": 7,
                "input_tokens_details": {"cached_tokens": 2},
                "output_tokens_details": {"reasoning_tokens": 3},
            },
            Usage(5, 2, 7, 3),
        ),
        ({"prompt_tokens": 5, "completion_tokens": None, "prompt_tokens_details": None}, Usage(5)),
        ({"prompt_tokens": -1, "completion_tokens": 2**70}, Usage()),
        ({"prompt_tokens": "many"}, Usage()),
        ("none", Usage()),
        (None, Usage()),
    ],
)
def test_usage_is_read_in_either_spelling_and_nonsense_counts_nothing(usage: object, expected: Usage) -> None:
    reading = read_answer(json.dumps({"usage": usage}).encode())
    assert reading is not None
    assert reading.usage == expected


def test_an_answer_on_one_line_keeps_its_bytes() -> None:
    body = b'{ "n": 1.50, "big": 12345678901234567890123, "t": "\\u00e9 \xc3\xa9" }'
    reading = read_answer(body)
    assert reading is not None
    assert reading.body == body


def test_line_breaks_between_values_are_taken_out_and_numbers_left_as_written() -> None:
    reading = read_answer(b'{\r\n "n": 1.50,\n "big": 12345678901234567890123\r}\n')
    assert reading is not None
    assert reading.body == b'{"n":1.50,"big":12345678901234567890123}'


def test_backoff_doubles_up_to_its_bound_with_full_jitter() -> None:
    patience = Patience()
    for failures, ceiling in [(1, 0.5), (2, 1), (3, 2), (7, 30), (10_000, 30)]:
        pauses = [patience.backoff(failures) for _ in range(200)]
        assert max(pauses) <= ceiling
        assert max(pauses) > ceiling / 2
        assert min(pauses) < ceiling / 2


def test_a_retry_after_is_cut_to_its_bound() -> None:
    assert Patience().capped(timedelta(hours=1)) == 120
    assert Patience().capped(None) == 0


@pytest.mark.parametrize("block", [1, 7, 10_000])
async def test_records_come_back_from_a_part_however_its_bytes_are_cut(block: int) -> None:
    records = [
        Record(index=0, ok=True, line=b'{"a":1}', usage=Usage(1, 2, 3, 4), model="modèle"),
        Record(index=2**31, ok=False, line=b""),
        Record(index=7, ok=True, line=b"x" * 5000, usage=Usage(2**53 - 1)),
    ]
    content = pack_part(records)

    async def cut() -> AsyncIterator[bytes]:
        for start in range(0, len(content), block):
            yield content[start : start + block]

    assert [record async for record in unpack_part(cut(), key="k")] == records


@pytest.mark.parametrize(
    ("url", "proxied"),
    [
        ("http://model.example:8000/v1", True),
        ("http://user:password@model.example/v1", True),
        ("http://model.internal/v1", False),
        ("https://model.example/v1", False),
        ("http://127.0.0.1:8000/v1", False),
        ("http://[::1]:8000/v1", False),
    ],
)
def test_the_proxy_of_the_environment_is_used_where_it_is_meant(
    url: str, proxied: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "model.internal")
    assert (proxy_for(url) is not None) is proxied


def test_result_lines_are_json_whatever_the_custom_id() -> None:
    odd = 'a "quoted"\n\\ id \u2028 é'
    line = json.loads(answer_line("batch_1", 3, custom_id=odd, status=200, request_id=None, body=b'{"x":1}'))
    assert line["custom_id"] == odd
    assert line["id"] == "batch_req_100000003"
    assert line["response"] == {"status_code": 200, "request_id": "req_100000003", "body": {"x": 1}}
    failed = json.loads(error_line("batch_1", 3, custom_id=odd, code="batch_expired", message="Late."))
    assert failed == {
        "id": "batch_req_100000003",
        "custom_id": odd,
        "response": None,
        "error": {"code": "batch_expired", "message": "Late."},
    }
