"""What is read in a model's answer, and what is no answer."""

import json

import pytest

from overnight.domain.usage import Usage
from overnight.outcomes.answer import read_answer


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


@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": 5.0, "completion_tokens": "7"},
        {"prompt_tokens": 5, "completion_tokens": 7, "prompt_tokens_details": ["odd"]},
        {"prompt_tokens": 5, "completion_tokens": 7, "completion_tokens_details": {"reasoning_tokens": "no"}},
        {"prompt_tokens": 5, "completion_tokens": 7, "input_tokens": "many"},
    ],
)
def test_one_odd_field_takes_no_other_away(usage: object) -> None:
    reading = read_answer(json.dumps({"usage": usage, "model": "m"}).encode())
    assert reading is not None
    assert (reading.usage, reading.model) == (Usage(5, 0, 7), "m")


def test_an_odd_model_takes_no_usage_away() -> None:
    reading = read_answer(b'{"usage":{"prompt_tokens":5},"model":["m"]}')
    assert reading is not None
    assert (reading.usage, reading.model) == (Usage(5), None)


def test_a_model_is_called_something_that_can_be_kept() -> None:
    reading = read_answer(json.dumps({"model": "a\0b" + "c" * 1_000}).encode())
    assert reading is not None
    assert reading.model == "ab" + "c" * 198


def test_an_answer_on_one_line_keeps_its_bytes() -> None:
    body = b'{ "n": 1.50, "big": 12345678901234567890123, "t": "\\u00e9 \xc3\xa9" }'
    reading = read_answer(body)
    assert reading is not None
    assert reading.body == body


def test_line_breaks_between_values_are_taken_out_and_numbers_left_as_written() -> None:
    reading = read_answer(b'{\r\n "n": 1.50,\n "big": 12345678901234567890123\r}\n')
    assert reading is not None
    assert reading.body == b'{"n":1.50,"big":12345678901234567890123}'
