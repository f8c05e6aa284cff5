"""What a Gemini answers, as OpenAI would have: by OpenAI's own types, and with nothing lost."""

import json
from typing import Any

import pytest
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion

from overnight.outcomes.answer import read_answer
from overnight.translate import GeminiChat, Reply
from tests.overnight.translate.fuzzing import PATIENT
from tests.overnight.translate.results_corpus import (
    ANSWERED,
    GROUNDING,
    KEY,
    answer,
    call,
    candidate,
    encoded,
    row,
    text,
)

SHAPE = GeminiChat(model="gemini-2.5-flash")


def reply(found: Any) -> Reply:
    read = SHAPE.reply(found if isinstance(found, bytes) else encoded(found))
    assert read is not None
    assert read.key == KEY
    assert b"\n" not in read.body
    return read


def completion(name: str) -> dict[str, Any]:
    return dict(json.loads(reply(ANSWERED[name]).body))


def choice(name: str) -> dict[str, Any]:
    [only] = completion(name)["choices"]
    return dict(only)


@pytest.mark.parametrize("name", ANSWERED)
def test_the_corpus_is_made_of_answers_by_google_s_own_types(name: str) -> None:
    types.GenerateContentResponse.model_validate(ANSWERED[name]["response"])


@pytest.mark.parametrize("name", ANSWERED)
def test_every_answer_is_a_completion_by_openai_s_own_types(name: str) -> None:
    read = reply(ANSWERED[name])
    assert read.status == 200
    ChatCompletion.model_validate_json(read.body, strict=True)


@pytest.mark.parametrize("name", ANSWERED)
def test_what_is_used_is_read_where_batches_are_priced(name: str) -> None:
    read = read_answer(reply(ANSWERED[name]).body)
    assert read is not None
    usage = completion(name)["usage"]
    assert (read.usage.input, read.usage.output) == (usage["prompt_tokens"], usage["completion_tokens"])
    assert read.usage.cached == usage["prompt_tokens_details"]["cached_tokens"]
    assert read.usage.reasoning == usage["completion_tokens_details"]["reasoning_tokens"]


@pytest.mark.parametrize("name", ANSWERED)
def test_reading_a_row_again_makes_the_same_answer(name: str) -> None:
    assert reply(ANSWERED[name]) == reply(ANSWERED[name])


def test_a_word_is_the_content() -> None:
    assert completion("a word") == {
        "id": "chatcmpl-S8vNaIvKHdvshMIP_aOtuAg",
        "object": "chat.completion",
        "created": 1789853387,
        "model": "gemini-2.5-flash-lite",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello there!", "refusal": None},
                "finish_reason": "stop",
                "logprobs": None,
            }
        ],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 10,
            "total_tokens": 19,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
    }
    assert reply(ANSWERED["a word"]).request_id == "S8vNaIvKHdvshMIP_aOtuAg"


def test_pieces_are_one_content_and_thoughts_are_beside_it() -> None:
    assert choice("pieces")["message"]["content"] == "Hello there!"
    message = choice("thoughts")["message"]
    assert (message["content"], message["reasoning_content"]) == ("42", "Let me see.")


@pytest.mark.parametrize(
    ("name", "content", "finish"),
    [
        ("a word cut short", "Hello th", "length"),
        ("no word for all the thinking", "", "length"),
        ("no content at all", "", "stop"),
        ("no reason", "Hi", "stop"),
        ("nulls for what is not there", "Hi", "stop"),
        ("an answer withheld half-way", "First, you", "content_filter"),
    ],
)
def test_an_answer_ends_as_openai_s_do(name: str, content: str, finish: str) -> None:
    found = choice(name)
    assert (found["message"]["content"], found["finish_reason"]) == (content, finish)
    assert found["message"]["refusal"] is None


@pytest.mark.parametrize("reason", [*types.FinishReason])
def test_every_reason_google_has_is_one_of_openai_s(reason: types.FinishReason) -> None:
    read = reply(row(answer(candidate(text("Hm"), reason=reason.value))))
    [found] = ChatCompletion.model_validate_json(read.body, strict=True).choices
    kept = {"STOP", "MAX_TOKENS", "CONTINUATION", "FINISH_REASON_UNSPECIFIED"}
    if reason.value not in kept:
        assert found.model_extra == {"vertex": {"finish_reason": reason.value}}
    assert found.message.content == "Hm"


def test_a_reason_nobody_knows_yet_is_told_and_withholds() -> None:
    [found] = json.loads(reply(row(answer(candidate(reason="NEW_RULE")))).body)["choices"]
    assert (found["finish_reason"], found["vertex"]) == ("content_filter", {"finish_reason": "NEW_RULE"})
    assert "NEW_RULE" in found["message"]["refusal"]


def test_a_blocked_prompt_is_a_refusal() -> None:
    found = choice("a blocked prompt")
    assert (found["finish_reason"], found["message"]["content"]) == ("content_filter", None)
    assert "PROHIBITED_CONTENT" in found["message"]["refusal"]
    assert "The prompt can't be processed." in found["message"]["refusal"]
    assert found["vertex"]["safety_ratings"] == [
        {"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH"}
    ]
    assert completion("a blocked prompt")["usage"]["prompt_tokens"] == 9


def test_a_withheld_answer_is_a_refusal() -> None:
    found = choice("a withheld answer")
    assert (found["finish_reason"], found["message"]["content"]) == ("content_filter", None)
    assert found["message"]["refusal"] == "The answer was withheld (SAFETY)."
    assert found["vertex"]["safety_ratings"][0]["blocked"] is True


def test_a_call_gone_wrong_says_so() -> None:
    found = choice("a call gone wrong")
    assert (found["finish_reason"], found["message"]["content"]) == ("stop", None)
    assert "MALFORMED_FUNCTION_CALL" in found["message"]["refusal"]
    assert found["vertex"]["finish_message"] == "Malformed function call: f("


def test_calls_have_ids_and_their_arguments_as_the_model_wrote_them() -> None:
    found = choice("a call")
    assert (found["finish_reason"], found["message"]["content"]) == ("tool_calls", None)
    [called] = found["message"]["tool_calls"]
    assert called["function"]["name"] == "get_weather"
    assert json.loads(called["function"]["arguments"]) == {"city": "Paris", "big": 12345678901234567890}
    assert called["id"].startswith("call_")
    with_words = choice("a call with words")["message"]
    assert (with_words["content"], len(with_words["tool_calls"])) == ("I look.", 1)
    assert with_words["tool_calls"][0]["function"]["arguments"] == "{}"


def test_ids_of_calls_differ_and_given_ones_are_kept() -> None:
    first, second = choice("calls")["message"]["tool_calls"]
    assert second["id"] == "given"
    assert first["extra_content"] == {"google": {"thought_signature": "c2ln"}}
    assert json.loads(first["function"]["arguments"]) == {"city": "é\n"}
    many = json.loads(reply(row(answer(candidate(*[call("f")] * 5), candidate(call("f"))))).body)
    ids = [called["id"] for found in many["choices"] for called in found["message"]["tool_calls"]]
    assert len({*ids}) == 6


def test_a_signed_call_can_be_given_back_as_it_came() -> None:
    message = choice("calls")["message"]
    talk = [
        {"role": "user", "content": "x"},
        message,
        *({"role": "tool", "tool_call_id": called["id"], "content": "y"} for called in message["tool_calls"]),
    ]
    body = json.dumps({"messages": talk}).encode()
    asked = json.loads(GeminiChat(model="gemini-3-flash").row(body, key="k"))["request"]
    [_, calls, _] = asked["contents"]
    assert calls["parts"][0]["thoughtSignature"] == "c2ln"


def test_several_answers_keep_their_numbers() -> None:
    def numbered(name: str) -> dict[int, str]:
        return {found["index"]: found["message"]["content"] for found in completion(name)["choices"]}

    assert numbered("several answers") == {0: "one", 1: "two", 2: "three"}
    assert numbered("several answers without numbers") == {0: "one", 1: "two"}


def test_sources_are_url_citations_counted_in_characters() -> None:
    found = choice("sources")
    assert found["message"]["content"] == "Le café est fermé."
    cited = [note["url_citation"] for note in found["message"]["annotations"]]
    assert cited == [
        {"url": "https://example.com/a", "title": "A", "start_index": 0, "end_index": 11},
        {"url": "https://example.com/b", "title": "", "start_index": 0, "end_index": 11},
        {"url": "https://example.com/b", "title": "", "start_index": 12, "end_index": 16},
    ]
    assert found["vertex"]["grounding_metadata"] == GROUNDING
    assert choice("citations")["vertex"]["citation_metadata"]["citations"][0]["uri"] == "https://h.org"


def test_sources_that_can_t_be_read_are_kept_and_not_cited() -> None:
    page = {"web": {"uri": "https://example.com/a", "title": "A"}}
    for odd in (
        {"groundingChunks": "odd"},
        {"groundingChunks": [page], "groundingSupports": [{"groundingChunkIndices": [7]}]},
    ):
        read = reply(row(answer(candidate(text("Hi"), groundingMetadata=odd))))
        [found] = json.loads(read.body)["choices"]
        assert "annotations" not in found["message"]
        assert found["vertex"]["grounding_metadata"] == odd
    whole = {"groundingChunks": [page], "groundingSupports": [{"groundingChunkIndices": [0]}]}
    read = reply(row(answer(candidate(text("Hi"), groundingMetadata=whole))))
    assert len(json.loads(read.body)["choices"][0]["message"]["annotations"]) == 1


def test_what_a_tool_of_google_s_did_is_kept() -> None:
    ran = choice("code")["vertex"]["code_execution"]
    assert ran[0]["executable_code"]["code"] == "print(6*7)"
    assert ran[1]["code_execution_result"]["output"] == "42\n"
    [image] = choice("an image")["message"]["images"]
    assert image["image_url"]["url"] == "data:image/png;base64,iVBORw0K"


def test_logprobs_are_openai_s() -> None:
    first, second = choice("logprobs")["logprobs"]["content"]
    assert (first["token"], first["logprob"], first["bytes"]) == ("é", -0.25, [0xC3, 0xA9])
    assert [top["token"] for top in first["top_logprobs"]] == ["é", "e"]
    assert second == {"token": "!", "logprob": -1.0, "bytes": [33], "top_logprobs": []}


def test_usage_adds_up_with_tools_and_thoughts() -> None:
    assert completion("thoughts")["usage"] == {
        "prompt_tokens": 1_273,
        "completion_tokens": 465,
        "total_tokens": 1_738,
        "prompt_tokens_details": {
            "cached_tokens": 1_000,
            "audio_tokens": 742,
            "text_tokens": 200,
            "image_tokens": 258,
        },
        "completion_tokens_details": {"reasoning_tokens": 406, "audio_tokens": 0, "text_tokens": 59},
    }
    assert completion("no usage")["usage"]["total_tokens"] == 0
    assert completion("no total")["usage"]["total_tokens"] == 7


def test_id_and_time_come_from_the_row_and_never_from_a_clock() -> None:
    assert completion("no id and no times")["id"] == f"chatcmpl-{KEY}"
    assert completion("no id and no times")["created"] == 0
    assert completion("no id and no times")["model"] == "gemini-2.0-flash-001"
    assert reply(ANSWERED["no id and no times"]).request_id is None
    assert completion("the time it was written only")["created"] == 1789853387
    assert completion("the time it was written only")["model"] == "gemini-2.5-flash"


@pytest.mark.parametrize(
    ("create_time", "created"),
    [
        ("2026-09-19T21:29:47.484619123Z", 1789853387),
        ("2026-09-19T21:29:47", 1789853387),
        ("2026-09-19T23:29:47+02:00", 1789853387),
        ("yesterday", 1789853386),
        ("", 1789853386),
        ("0001-01-01T00:00:00Z", 0),
    ],
)
def test_a_time_is_read_however_it_is_written(create_time: str, created: int) -> None:
    found = row(answer(candidate(text("Hi")), createTime=create_time), processed_time="2026-09-19 21:29:46Z")
    assert json.loads(reply(found).body)["created"] == created


def test_a_row_that_says_well_and_holds_nothing_is_an_error() -> None:
    for response in (
        {},
        None,
        {"candidates": []},
        [],
        "text",
        {"candidates": "nope"},
        {"promptFeedback": {}},
    ):
        read = reply(row() | {"response": response})
        assert (read.status, json.loads(read.body)["error"]["code"]) == (502, "invalid_response")


def test_a_row_that_is_none_of_ours_is_left_alone() -> None:
    for found in (b"", b"no json", b"[]", b"{}", b"null", b'"text"', b"\xff\xfe", b"[" * 100_000):
        assert SHAPE.reply(found) is None
    for key in ("", None, 5):
        assert SHAPE.reply(encoded(row(answer(candidate(text("Hi"))), key=key))) is None  # type: ignore[arg-type]
    assert SHAPE.reply(encoded({**row(), "request": "gone"})) is None


def test_bytes_that_are_no_text_are_replaced() -> None:
    broken = encoded(ANSWERED["a call"]).replace(b"Paris", b"Par\xffs")
    [called] = json.loads(reply(broken).body)["choices"][0]["message"]["tool_calls"]
    assert json.loads(called["function"]["arguments"])["city"] == "Par\ufffds"


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-9, 9)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda children: (
        st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3)
    ),
    max_leaves=8,
)
PLACES = ["candidates", "usageMetadata", "promptFeedback", "modelVersion", "responseId", "createTime"]
WITHIN = ["content", "finishReason", "index", "groundingMetadata", "logprobsResult", "finishMessage"]


@PATIENT
@given(st.dictionaries(st.sampled_from(PLACES), JSON), st.dictionaries(st.sampled_from(WITHIN), JSON), JSON)
def test_whatever_stands_in_a_row_of_ours_is_an_answer_or_an_error(
    response: dict[str, Any], inner: dict[str, Any], status: Any
) -> None:
    found = answer(candidate(text("Hi")) | inner) | response
    read = SHAPE.reply(json.dumps(row(found, status=status)).encode())
    assert read is not None
    assert read.key == KEY
    assert read_answer(read.body) is not None
    if read.status == 200:
        ChatCompletion.model_validate_json(read.body, strict=True)
    else:
        assert 400 <= read.status < 600
        assert {*json.loads(read.body)["error"]} == {"message", "type", "param", "code"}
