"""What a Gemini is asked: every row is Google's by its own types, can be imported, and says what was said."""

import itertools
import json
from typing import Any

import pytest
from google.genai import types

from overnight.translate import ClaudeChat, GeminiChat, Shape, line_key
from tests.overnight.translate.importing import ImportTable
from tests.overnight.translate.requests_corpus import ANY
from tests.overnight.translate.vendor_corpus import GEMINI
from tests.overnight.translate.writing import (
    CLOCK,
    HELLO,
    NASTY,
    PDF,
    PIXEL,
    WEATHER,
    assistant,
    call,
    chat,
    file,
    form,
    image,
    schema,
    system,
    tool,
    user,
)

CORPUS = {**ANY, **GEMINI}
KEY = line_key("r-1")
FIELDS: dict[str, Any] = {
    "contents": lambda value: [types.Content.model_validate(turn) for turn in value],
    "systemInstruction": types.Content.model_validate,
    "tools": lambda value: [types.Tool.model_validate(offered) for offered in value],
    "toolConfig": types.ToolConfig.model_validate,
    "safetySettings": lambda value: [types.SafetySetting.model_validate(setting) for setting in value],
    "generationConfig": types.GenerationConfig.model_validate,
    "cachedContent": str,
    "labels": dict,
}


def asked(body: dict[str, Any], *, model: str = "gemini-2.5-flash") -> dict[str, Any]:
    row = GeminiChat(model=model).row(json.dumps(body).encode(), key=KEY)
    assert b"\n" not in row
    [(name, request)] = json.loads(row).items()
    assert name == "request"
    return dict(request)


def settings(body: dict[str, Any], *, model: str = "gemini-2.5-flash") -> Any:
    return asked(body, model=model).get("generationConfig")


@pytest.mark.parametrize("name", CORPUS)
@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3-flash-preview"])
def test_every_row_is_a_request_by_google_s_own_types(name: str, model: str) -> None:
    for field, value in asked(CORPUS[name], model=model).items():
        FIELDS[field](value)


def test_the_rows_of_all_requests_together_can_be_imported() -> None:
    table = ImportTable()
    for body in CORPUS.values():
        table.add({"request": asked(body)})


@pytest.mark.parametrize("name", CORPUS)
def test_every_row_bears_its_key_as_a_label(name: str) -> None:
    assert asked(CORPUS[name])["labels"]["overnight_key"] == KEY


@pytest.mark.parametrize("name", CORPUS)
def test_turns_are_taken_in_turn(name: str) -> None:
    speakers = [turn["role"] for turn in asked(CORPUS[name])["contents"]]
    assert set(speakers) <= {"user", "model"}
    assert all(one != other for one, other in itertools.pairwise(speakers))


def test_a_request_says_no_more_than_the_client_did() -> None:
    assert asked(chat(HELLO)) == {
        "contents": [{"role": "user", "parts": [{"text": "Hello!"}]}],
        "labels": {"overnight_key": KEY},
    }
    for name in ("everything null", "everything that changes nothing", "no stops", "no tools"):
        assert asked(ANY[name]) == asked(chat(HELLO))


def test_instructions_stand_apart_wherever_they_were_given() -> None:
    request = asked(ANY["instructions in the middle"])
    assert request["systemInstruction"] == {"parts": [{"text": "Now be rude."}]}
    assert [turn["role"] for turn in request["contents"]] == ["user", "model", "user"]
    assert asked(ANY["instructions"]) == asked(ANY["instructions for a newer model"])
    assert asked(ANY["instructions"]) == asked(ANY["instructions in parts"])


def test_instructions_alone_are_what_the_user_says() -> None:
    request = asked(ANY["instructions alone"])
    assert request["contents"] == [{"role": "user", "parts": [{"text": "Write a haiku about the sea."}]}]
    assert "systemInstruction" not in request


def test_texts_arrive_as_they_were_written() -> None:
    request = asked(ANY["nasty text"])
    assert request["systemInstruction"]["parts"] == [{"text": NASTY}]
    assert [part for turn in request["contents"] for part in turn["parts"]] == [{"text": NASTY}] * 3


def test_neighbours_of_one_side_are_one_turn() -> None:
    [first, second, third] = asked(ANY["one side twice"])["contents"]
    assert [len(turn["parts"]) for turn in (first, second, third)] == [2, 2, 1]


def test_an_answer_of_nothing_is_no_turn() -> None:
    [turn] = asked(ANY["an answer of nothing"])["contents"]
    assert turn["parts"] == [{"text": "Hello!"}, {"text": "Hello?"}]


def test_media_are_inside_or_where_they_lie() -> None:
    def part(name: str) -> Any:
        return asked(CORPUS[name])["contents"][0]["parts"][0]

    assert asked(ANY["an image inside"])["contents"][0]["parts"][1] == {
        "inlineData": {"mimeType": "image/png", "data": PIXEL}
    }
    assert part("an image in a bucket") == {
        "fileData": {"fileUri": "gs://bucket/a/picture.PNG", "mimeType": "image/png"}
    }
    assert part("an image on the web")["fileData"]["mimeType"] == "image/jpeg"
    assert part("an image whose type is told")["fileData"]["mimeType"] == "image/heic"
    assert part("a document in a bucket")["fileData"]["mimeType"] == "application/pdf"
    assert part("sound") == {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}}
    assert part("a document")["inlineData"]["mimeType"] == "application/pdf"
    assert part("a document without its type")["inlineData"]["mimeType"] == "application/pdf"
    assert part("a text file")["inlineData"] == {"mimeType": "text/plain", "data": "aGVsbG8="}
    assert part("a text in a data address")["inlineData"]["data"] == "aGVsbG8gdGhlcmU="
    assert [part["fileData"]["mimeType"] for part in asked(GEMINI["a film"])["contents"][0]["parts"]] == [
        "video/mp4",
        "video/mp4",
    ]


@pytest.mark.parametrize(
    "url", ["https://[bucket]/a.png", "https://[::1/a.png", "https://ex\u2100mple/a.png", "gs://a[b/c.png"]
)
def test_an_address_that_can_t_be_taken_apart_is_google_s_to_refuse(url: str) -> None:
    [part] = asked(chat(user([image(url)])))["contents"][0]["parts"]
    assert part["fileData"] == {"fileUri": url, "mimeType": "image/jpeg"}


@pytest.mark.parametrize("shape", [GeminiChat(model="gemini-2.5-flash"), ClaudeChat(model="claude-opus-4-7")])
def test_a_filename_may_look_like_a_bad_address(shape: Shape) -> None:
    body = chat(user([file(file_data=PDF, filename="a://[.pdf")]))
    assert b"application/pdf" in shape.row(json.dumps(body).encode(), key="k")


def test_calls_are_answered_in_the_order_they_were_made() -> None:
    [_, calls, results] = asked(ANY["parallel calls answered in another order"])["contents"]
    assert [part["functionCall"]["args"]["city"] for part in calls["parts"]] == ["Paris", "Rome"]
    assert [part["functionResponse"] for part in results["parts"]] == [
        {"name": "get_weather", "response": {"output": "9 degrees and rain"}},
        {"name": "get_weather", "response": {"output": "21 degrees"}},
    ]


def test_a_call_without_arguments_has_none_and_empty_ones_are_left_out() -> None:
    turns = asked(ANY["calls again and again"])["contents"]
    assert turns[1]["parts"] == [{"text": "I look."}, {"functionCall": {"name": "get_time"}}]
    [_, odd, _] = asked(ANY["a call with odd arguments"])["contents"]
    assert odd["parts"][0]["functionCall"]["args"] == {"city": 'A "b" é'}


def test_only_since_gemini_3_are_calls_signed() -> None:
    def signatures(model: str) -> list[str | None]:
        [_, calls, _] = asked(GEMINI["signed calls"], model=model)["contents"]
        return [part.get("thoughtSignature") for part in calls["parts"]]

    assert signatures("gemini-2.5-flash") == signatures("gemini-3-pro-preview") == ["c2lnbmVk", None]
    foreign = ANY["parallel calls answered in another order"]
    [_, calls, _] = asked(foreign, model="gemini-3-pro-preview")["contents"]
    assert [part.get("thoughtSignature") for part in calls["parts"]] == [
        "skip_thought_signature_validator",
        None,
    ]
    [_, calls, _] = asked(foreign, model="gemini-2.5-pro")["contents"]
    assert not any("thoughtSignature" in part for part in calls["parts"])


def test_functions_are_declared_with_the_choice_among_them() -> None:
    def config(name: str) -> Any:
        request = asked(ANY[name])
        names = [function["name"] for function in request["tools"][0]["functionDeclarations"]]
        return names, request.get("toolConfig", {}).get("functionCallingConfig")

    assert config("a tool") == (["get_weather"], None)
    assert config("tools") == (["get_weather", "get_time"], {"mode": "AUTO"})
    assert config("a tool that must be called") == (["get_weather"], {"mode": "ANY"})
    assert config("a tool that must not be called") == (["get_weather"], {"mode": "NONE"})
    assert config("the tool that must be called") == (
        ["get_weather", "get_time"],
        {"mode": "ANY", "allowedFunctionNames": ["get_time"]},
    )
    assert config("tools that are allowed") == (["get_time"], {"mode": "AUTO"})


def test_a_function_without_parameters_has_no_schema() -> None:
    for name in ("a tool without parameters", "a tool with empty parameters"):
        assert "parameters" not in asked(ANY[name])["tools"][0]["functionDeclarations"][0]


def test_searches_are_google_s() -> None:
    search = [{"googleSearch": {"timeRangeFilter": None}}]
    for name in ("a search", "a search of middling size", "Gemini's own search"):
        assert asked(GEMINI[name])["tools"] == search
    both = asked(chat(HELLO, tools=[{"google_search": {}}, CLOCK]))["tools"]
    assert [list(offered) for offered in both] == [["functionDeclarations"], ["googleSearch"]]


def test_settings_have_google_s_names() -> None:
    assert settings(GEMINI["all there is to set"]) == {
        "temperature": 1.5,
        "candidateCount": 3,
        "seed": 42,
        "presencePenalty": 0.5,
        "frequencyPenalty": -0.5,
        "responseLogprobs": True,
        "logprobs": 5,
    }
    assert settings(ANY["sampling"]) == {"temperature": 0.7, "topP": 0.9, "maxOutputTokens": 100}
    assert settings(ANY["top_k"]) == {"topK": 40}
    assert settings(ANY["one stop"]) == {"stopSequences": ["END"]}
    assert settings(ANY["a limit under its new name"]) == {"maxOutputTokens": 100}
    assert settings(GEMINI["logprobs alone"]) == {"responseLogprobs": True}


def test_a_form_is_gemini_s_schema_in_the_client_s_order() -> None:
    assert settings(GEMINI["any JSON"]) == {"responseMimeType": "application/json"}
    assert settings(GEMINI["JSON of no form"]) == {"responseMimeType": "application/json"}
    assert settings(ANY["plain text asked for"]) is None
    assert settings(GEMINI["JSON of a form"])["responseSchema"] == {
        "type": "OBJECT",
        "properties": {
            "name": {"type": "STRING"},
            "age": {"type": "INTEGER", "nullable": True},
            "pets": {
                "type": "ARRAY",
                "items": {
                    "type": "OBJECT",
                    "properties": {"kind": {"type": "STRING", "enum": ["cat", "dog"]}},
                    "required": ["kind"],
                },
            },
        },
        "required": ["name", "age", "pets"],
        "propertyOrdering": ["name", "age", "pets"],
    }


@pytest.mark.parametrize(
    ("model", "effort", "thinking"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-flash", "minimal", {"thinkingBudget": 1_024}),
        ("gemini-2.5-pro", "medium", {"thinkingBudget": 8_192}),
        ("gemini-2.5-flash-lite", "max", {"thinkingBudget": 24_576}),
        ("gemini-3-flash-preview", "none", {"thinkingLevel": "MINIMAL"}),
        ("gemini-3.1-pro-preview", "minimal", {"thinkingLevel": "LOW"}),
        ("gemini-3.5-flash", "medium", {"thinkingLevel": "MEDIUM"}),
        ("gemini-3.5-flash", "xhigh", {"thinkingLevel": "HIGH"}),
        ("gemini-flash-latest", "low", {"thinkingLevel": "LOW"}),
        ("1234567890", "high", {"thinkingLevel": "HIGH"}),
    ],
)
def test_effort_is_a_budget_before_gemini_3_and_a_level_since(
    model: str, effort: str, thinking: dict[str, Any]
) -> None:
    request = chat(HELLO, reasoning_effort=effort)
    assert settings(request, model=model) == {"thinkingConfig": thinking}


def test_thinking_in_gemini_s_own_words_wins() -> None:
    own = chat(HELLO, reasoning_effort="high", thinking_config={"thinking_budget": 0})
    assert settings(own) == {"thinkingConfig": {"thinkingBudget": 0}}
    assert settings(GEMINI["Google's way"]) == {
        "thinkingConfig": {"thinkingLevel": "low", "includeThoughts": True}
    }


def test_gemini_s_own_settings_pass_and_labels_are_joined() -> None:
    request = asked(GEMINI["safety"])
    assert request["safetySettings"] == GEMINI["safety"]["safety_settings"]
    assert request["cachedContent"] == GEMINI["safety"]["cached_content"]
    assert request["labels"] == {"team": "a", "overnight_key": KEY}


def test_the_same_request_is_always_the_same_row() -> None:
    shape = GeminiChat(model="gemini-2.5-flash")
    for body in CORPUS.values():
        encoded = json.dumps(body).encode()
        assert shape.row(encoded, key=KEY) == shape.row(encoded, key=KEY)


def test_two_calls_with_one_id_in_different_turns_are_two_calls() -> None:
    body = chat(
        HELLO,
        assistant(tool_calls=[call("0", "get_time")]),
        tool("0", "noon"),
        assistant(tool_calls=[call("0", "get_weather", '{"city":"Rome"}')]),
        tool("0", "rain"),
        tools=[CLOCK, WEATHER],
    )
    names = [
        part["functionResponse"]["name"]
        for turn in asked(body)["contents"]
        for part in turn["parts"]
        if "functionResponse" in part
    ]
    assert names == ["get_time", "get_weather"]


def test_a_form_that_google_s_types_would_not_take_never_arrives() -> None:
    described = schema({"a": {"type": "string", "format": "email", "examples": ["x"], "$comment": "c"}})
    found = settings(chat(system("s"), user("u"), response_format=form(described)))["responseSchema"]
    assert found == {"type": "OBJECT", "properties": {"a": {"type": "STRING", "format": "email"}}}
