"""What a Claude answers, as OpenAI would have: by OpenAI's own types, and with nothing lost."""

import json
from typing import Any

import pytest
from anthropic.types import Message
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from overnight.outcomes.answer import read_answer
from overnight.translate import ClaudeChat, Reply, line_key
from tests.overnight.translate.fuzzing import PATIENT
from tests.overnight.translate.writing import CLOCK, HELLO, chat, tool

KEY = line_key("r-1")
SHAPE = ClaudeChat(model="claude-sonnet-4-5@20250929")


def text(value: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": value, **fields}


def message(*blocks: dict[str, Any], reason: str = "end_turn", **fields: Any) -> dict[str, Any]:
    return {
        "id": "msg_vrtx_01",
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-4-5-20250929",
        "content": [*blocks],
        "stop_reason": reason,
        "stop_sequence": None,
        "usage": {"input_tokens": 10, "output_tokens": 5},
        **fields,
    }


def row(response: Any, **fields: Any) -> dict[str, Any]:
    return {"custom_id": KEY, "request": {"messages": []}, "response": response, "status": "", **fields}


def encoded(found: dict[str, Any]) -> bytes:
    return json.dumps(found).encode()


THINKING = {"type": "thinking", "thinking": "Let me see.", "signature": "c2ln"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome", "n": 1.50}}
SEARCHED = {
    "type": "server_tool_use",
    "id": "srvtoolu_1",
    "name": "web_search",
    "input": {"query": "x"},
}
FOUND = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [
        {
            "type": "web_search_result",
            "url": "https://e.org",
            "title": "E",
            "encrypted_content": "x",
            "page_age": None,
        }
    ],
}
CITED = text(
    "It is so.",
    citations=[
        {
            "type": "web_search_result_location",
            "url": "https://e.org",
            "title": "E",
            "cited_text": "so",
            "encrypted_index": "x",
        },
        {
            "type": "char_location",
            "cited_text": "so",
            "document_index": 0,
            "document_title": None,
            "start_char_index": 0,
            "end_char_index": 2,
            "file_id": None,
        },
    ],
)
REFUSED = {"type": "refusal", "category": "bio", "explanation": "No."}
SECOND = {**CALL, "id": "toolu_2"}
CACHED = {
    "input_tokens": 10,
    "output_tokens": 50,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 1_000,
    "output_tokens_details": {"thinking_tokens": 40},
}
ANSWERED: dict[str, dict[str, Any]] = {
    "a word": row(message(text("Hello!"))),
    "pieces": row(message(text("Hello "), text("there"))),
    "nothing": row(message()),
    "a word cut short": row(message(text("Hel"), reason="max_tokens")),
    "a stop": row(message(text("Hel"), reason="stop_sequence", stop_sequence="lo")),
    "thoughts": row(message(THINKING, text("42"), usage=CACHED)),
    "hidden thoughts": row(message({"type": "redacted_thinking", "data": "eA=="}, text("42"))),
    "a call": row(message(CALL, reason="tool_use")),
    "calls with words": row(message(THINKING, text("I look."), CALL, SECOND, reason="tool_use")),
    "a search": row(message(text("I look. "), SEARCHED, FOUND, CITED)),
    "a refusal": row(message(reason="refusal", stop_details=REFUSED)),
    "a refusal without a word": row(message(reason="refusal")),
    "a refusal half-way": row(message(text("First, you"), reason="refusal")),
    "a window that was full": row(message(text("Hel"), reason="model_context_window_exceeded")),
    "a pause": row(message(text("Hel"), reason="pause_turn")),
    "an answer through a table": row(json.dumps(message(text('Hello! é "\\')))),
    "a time": row(message(text("Hi")), processed_time="2026-09-19T21:29:47.352+00:00"),
}


def reply(found: Any) -> Reply:
    read = SHAPE.reply(found if isinstance(found, bytes) else encoded(found))
    assert read is not None
    assert read.key == KEY
    assert b"\n" not in read.body
    return read


def choice(name: str) -> dict[str, Any]:
    [only] = json.loads(reply(ANSWERED[name]).body)["choices"]
    return dict(only)


@pytest.mark.parametrize("name", ANSWERED)
def test_the_corpus_is_made_of_answers_by_anthropic_s_own_types(name: str) -> None:
    response = ANSWERED[name]["response"]
    Message.model_validate(json.loads(response) if isinstance(response, str) else response)


@pytest.mark.parametrize("name", ANSWERED)
def test_every_answer_is_a_completion_by_openai_s_own_types(name: str) -> None:
    read = reply(ANSWERED[name])
    assert (read.status, read.request_id) == (200, "msg_vrtx_01")
    ChatCompletion.model_validate_json(read.body, strict=True)
    assert read_answer(read.body) is not None


def test_a_word_is_the_content() -> None:
    body = json.loads(reply(ANSWERED["a word"]).body)
    assert body == {
        "id": "chatcmpl-msg_vrtx_01",
        "object": "chat.completion",
        "created": 0,
        "model": "claude-sonnet-4-5-20250929",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello!", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": 10,
            "completion_tokens": 5,
            "total_tokens": 15,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0, "cache_write_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
    }
    assert json.loads(reply(ANSWERED["a time"]).body)["created"] == 1789853387


@pytest.mark.parametrize(
    ("name", "content", "finish"),
    [
        ("pieces", "Hello there", "stop"),
        ("nothing", "", "stop"),
        ("a word cut short", "Hel", "length"),
        ("a stop", "Hel", "stop"),
        ("a call", None, "tool_calls"),
        ("calls with words", "I look.", "tool_calls"),
        ("a refusal", None, "content_filter"),
        ("a refusal half-way", "First, you", "content_filter"),
        ("a window that was full", "Hel", "length"),
        ("a pause", "Hel", "stop"),
        ("an answer through a table", 'Hello! é "\\', "stop"),
    ],
)
def test_an_answer_ends_as_openai_s_do(name: str, content: str | None, finish: str) -> None:
    found = choice(name)
    assert (found["message"]["content"], found["finish_reason"]) == (content, finish)


def test_a_refusal_says_why() -> None:
    assert choice("a refusal")["message"]["refusal"] == "The model refused: No."
    assert choice("a refusal without a word")["message"]["refusal"] == "The model refused to answer."
    assert choice("a refusal half-way")["message"]["refusal"] is None
    assert choice("a stop")["vertex"] == {"stop_reason": "stop_sequence", "stop_sequence": "lo"}


def test_calls_keep_their_ids_and_arguments() -> None:
    first, second = choice("calls with words")["message"]["tool_calls"]
    assert (first["id"], second["id"]) == ("toolu_1", "toolu_2")
    assert json.loads(first["function"]["arguments"]) == {"city": "Rome", "n": 1.5}


def test_thoughts_are_beside_the_answer_and_can_be_given_back() -> None:
    said = choice("calls with words")["message"]
    assert said["reasoning_content"] == "Let me see."
    assert said["thinking_blocks"] == [THINKING]
    results = [tool(called["id"], "x") for called in said["tool_calls"]]
    body = json.dumps(chat(HELLO, said, *results, tools=[CLOCK])).encode()
    [_, again, _] = json.loads(SHAPE.row(body, key="k"))["request"]["messages"]
    assert again["content"] == [THINKING, text("I look."), CALL, SECOND]
    assert choice("hidden thoughts")["message"]["thinking_blocks"][0]["data"] == "eA=="


def test_sources_are_url_citations_and_searches_are_kept() -> None:
    found = choice("a search")
    assert found["message"]["content"] == "I look. It is so."
    assert [note["url_citation"] for note in found["message"]["annotations"]] == [
        {"url": "https://e.org", "title": "E", "start_index": 8, "end_index": 17}
    ]
    assert found["vertex"]["content"] == [SEARCHED, FOUND]


def test_usage_counts_what_was_read_from_the_cache_and_written_to_it() -> None:
    usage = json.loads(reply(ANSWERED["thoughts"]).body)["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (1_110, 50, 1_160)
    assert usage["prompt_tokens_details"] == {
        "cached_tokens": 1_000,
        "audio_tokens": 0,
        "cache_write_tokens": 100,
    }
    assert usage["completion_tokens_details"]["reasoning_tokens"] == 40


def test_an_error_may_stand_where_the_answer_would() -> None:
    error = {"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}}
    for response in (error, json.dumps(error)):
        read = reply(row(response))
        assert (read.status, json.loads(read.body)["error"]["message"]) == (400, "prompt is too long")


def test_a_row_that_says_well_and_holds_nothing_is_an_error() -> None:
    for response in ({}, None, [], "text", "", {"content": "Hi"}, {"content": [{}]}, {"type": "error"}):
        read = reply(row(response))
        assert (read.status, json.loads(read.body)["error"]["code"]) == (502, "invalid_response")


def test_a_row_that_is_none_of_ours_is_left_alone() -> None:
    for found in (b"", b"no json", b"[]", b"{}", b'{"custom_id":null}', b'{"custom_id":5}', b"[" * 100_000):
        assert SHAPE.reply(found) is None


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PLACES = ["id", "model", "content", "stop_reason", "stop_sequence", "stop_details", "usage", "type"]


@PATIENT
@given(st.dictionaries(st.sampled_from(PLACES), JSON), JSON)
def test_whatever_stands_in_a_row_of_ours_is_an_answer_or_an_error(
    response: dict[str, Any], status: Any
) -> None:
    read = reply(row(message(text("Hi")) | response, status=status))
    assert read_answer(read.body) is not None
    if read.status == 200:
        ChatCompletion.model_validate_json(read.body, strict=True)
    else:
        assert 400 <= read.status < 600
