"""What a Claude is asked: every row is Anthropic's by its own types, and says what was said."""

import itertools
import json
from collections.abc import Iterable
from typing import Any

import pytest
from anthropic.types.message_create_params import MessageCreateParamsNonStreaming
from pydantic import TypeAdapter

from overnight.domain.errors import Untranslatable
from overnight.translate import ClaudeChat, line_key
from overnight.translate.claude_settings import DEFAULT_MAX_TOKENS
from tests.overnight.translate.requests_corpus import ANY
from tests.overnight.translate.vendor_corpus import CLAUDE
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
    text,
    tool,
    user,
)

CORPUS = {**ANY, **CLAUDE}
KEY = line_key("r-1")
OLD, NEW = "claude-sonnet-4-5@20250929", "claude-opus-4-7"
PARAMETERS: TypeAdapter[Any] = TypeAdapter(MessageCreateParamsNonStreaming)
SAMPLING = {"temperature", "top_p", "top_k"}  # left the types with Claude 4.7, and are older models' still
FIELDS = MessageCreateParamsNonStreaming.__required_keys__ | MessageCreateParamsNonStreaming.__optional_keys__
VERTEX_ONLY = {"anthropic_version", "anthropic_beta"}


def asked(body: dict[str, Any], *, model: str = OLD) -> dict[str, Any]:
    row = ClaudeChat(model=model).row(json.dumps(body).encode(), key=KEY)
    assert b"\n" not in row
    found = json.loads(row)
    assert {*found} == {"custom_id", "request"}
    assert found["custom_id"] == KEY
    assert found["request"]["anthropic_version"] == "vertex-2023-10-16"
    return dict(found["request"])


def read_whole(value: Any) -> None:
    """Read what pydantic has only promised to look at: an Iterable is validated as it is read."""
    if isinstance(value, dict):
        for field in value.values():
            read_whole(field)
    elif isinstance(value, Iterable) and not isinstance(value, str | bytes):
        for item in value:
            read_whole(item)


@pytest.mark.parametrize("name", CORPUS)
def test_every_row_is_a_request_by_anthropic_s_own_types(name: str) -> None:
    request = asked(CORPUS[name])
    parameters = {field: value for field, value in request.items() if field not in VERTEX_ONLY | SAMPLING}
    assert {*parameters} <= FIELDS
    read_whole(PARAMETERS.validate_python({"model": OLD, **parameters}))


@pytest.mark.parametrize("name", [name for name, body in CORPUS.items() if not SAMPLING & {*body}])
def test_every_row_for_a_new_claude_is_too(name: str) -> None:
    request = asked(CORPUS[name], model=NEW)
    parameters = {field: value for field, value in request.items() if field not in VERTEX_ONLY}
    assert {*parameters} <= FIELDS
    read_whole(PARAMETERS.validate_python({"model": NEW, **parameters}))


@pytest.mark.parametrize("setting", [{"temperature": 0}, {"top_p": 0.9}, {"top_k": 1}], ids=str)
def test_how_a_new_claude_samples_can_t_be_set(setting: dict[str, Any]) -> None:
    with pytest.raises(Untranslatable) as refused:
        asked(chat(HELLO, **setting), model=NEW)
    assert refused.value.param in setting


def test_what_is_so_anyway_need_not_be_said_to_a_new_claude() -> None:
    usual = chat(HELLO, temperature=1, top_p=1)
    assert asked(usual, model=NEW) == asked(chat(HELLO), model=NEW)
    assert asked(usual)["temperature"] == 1


def test_the_types_would_notice_a_block_that_is_none() -> None:
    broken = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": [{"type": "smell"}]}]}
    with pytest.raises(ValueError, match="smell"):
        read_whole(PARAMETERS.validate_python(broken))


@pytest.mark.parametrize("name", CORPUS)
def test_turns_are_taken_in_turn_and_are_never_empty(name: str) -> None:
    messages = asked(CORPUS[name])["messages"]
    speakers = [message["role"] for message in messages]
    assert all(one != other for one, other in itertools.pairwise(speakers))
    assert all(message["content"] for message in messages)
    blocks = [block for message in messages for block in message["content"]]
    assert all(block["text"] for block in blocks if block["type"] == "text")


def test_a_request_says_no_more_than_the_client_did() -> None:
    assert asked(chat(HELLO)) == {
        "anthropic_version": "vertex-2023-10-16",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello!"}]}],
        "max_tokens": DEFAULT_MAX_TOKENS,
    }
    for name in ("everything null", "everything that changes nothing", "no stops", "no tools"):
        assert asked(ANY[name]) == asked(chat(HELLO))


def test_instructions_stand_apart_wherever_they_were_given() -> None:
    assert asked(ANY["instructions in the middle"])["system"] == [{"type": "text", "text": "Now be rude."}]
    assert asked(ANY["instructions"]) == asked(ANY["instructions for a newer model"])
    assert "system" not in asked(ANY["empty instructions"])


def test_instructions_alone_are_what_the_user_says() -> None:
    request = asked(ANY["instructions alone"])
    assert request["messages"][0]["content"][0]["text"] == "Write a haiku about the sea."
    assert "system" not in request


def test_texts_arrive_as_they_were_written() -> None:
    request = asked(ANY["nasty text"])
    blocks = [block for message in request["messages"] for block in message["content"]]
    assert [block["text"] for block in [*request["system"], *blocks]] == [NASTY] * 4


def test_images_and_documents_are_inside() -> None:
    def block(name: str, place: int = 0) -> Any:
        return asked(ANY[name])["messages"][0]["content"][place]

    assert block("an image inside", 1) == {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
    }
    assert block("a document") == {
        "type": "document",
        "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
        "title": "a.pdf",
    }
    assert block("a text file")["source"] == {"type": "text", "media_type": "text/plain", "data": "hello"}
    assert block("a text in a data address")["source"]["data"] == "hello there"


def test_calls_and_their_results_are_matched_by_id() -> None:
    [_, calls, results] = asked(ANY["parallel calls answered in another order"])["messages"]
    assert calls["content"][0] == {
        "type": "tool_use",
        "id": "call_1",
        "name": "get_weather",
        "input": {"city": "Paris", "unit": "c"},
    }
    assert [block["tool_use_id"] for block in results["content"]] == ["call_2", "call_1"]
    assert results["content"][1]["content"] == [
        {"type": "text", "text": "9 degrees"},
        {"type": "text", "text": " and rain"},
    ]
    [_, odd, result] = asked(ANY["a call with odd arguments"])["messages"]
    assert odd["content"][0]["input"] == {"city": 'A "b" é', "n": None, "o": {}}
    assert result["content"] == [{"type": "tool_result", "tool_use_id": "c"}]


def test_an_id_that_claude_would_not_take_is_written_in_its_letters() -> None:
    [_, call_, result] = asked(ANY["a call with an odd id"])["messages"]
    assert call_["content"][0]["id"] == result["content"][0]["tool_use_id"] == "functions_get_time_0"


def test_functions_are_tools_with_the_choice_among_them() -> None:
    def choice(name: str) -> Any:
        request = asked(CORPUS[name])
        return [offered["name"] for offered in request["tools"]], request.get("tool_choice")

    assert choice("a tool") == (["get_weather"], None)
    assert choice("tools") == (["get_weather", "get_time"], {"type": "auto"})
    assert choice("a tool that must be called") == (["get_weather"], {"type": "any"})
    assert choice("a tool that must not be called") == (["get_weather"], {"type": "none"})
    named = {"type": "tool", "name": "get_time"}
    assert choice("the tool that must be called") == (["get_weather", "get_time"], named)
    assert choice("tools that are allowed") == (["get_time"], {"type": "auto"})
    one = {"disable_parallel_tool_use": True}
    assert choice("one call at a time") == (["get_weather"], {"type": "auto", **one})
    assert choice("one call, any") == (["get_weather"], {"type": "any", **one})
    assert choice("one call at a time, or none") == (["get_weather"], {"type": "none"})
    assert asked(ANY["a tool without parameters"])["tools"] == [
        {
            "name": "get_time",
            "description": "Tell the time.",
            "input_schema": {"type": "object", "properties": {}},
        }
    ]


def test_settings_have_claude_s_names() -> None:
    def settings(body: dict[str, Any]) -> dict[str, Any]:
        ours = {"anthropic_version", "messages", "tools", "tool_choice", "system"}
        return {name: value for name, value in asked(body).items() if name not in ours}

    assert settings(ANY["sampling"]) == {"temperature": 0.7, "top_p": 0.9, "max_tokens": 100}
    assert settings(ANY["a limit under its new name"]) == {"max_tokens": 100}
    assert settings(ANY["top_k"]) == {"top_k": 40, "max_tokens": DEFAULT_MAX_TOKENS}
    assert settings(ANY["one stop"])["stop_sequences"] == ["END"]
    assert settings(CLAUDE["a beta"])["anthropic_beta"] == ["context-1m-2025-08-07"]
    assert settings(CLAUDE["effort in Claude's words"])["output_config"] == {"effort": "low"}
    own = settings(CLAUDE["thought in Claude's words"])
    assert own == {"thinking": {"type": "enabled", "budget_tokens": 2_000}, "max_tokens": 10_192}


@pytest.mark.parametrize(
    ("model", "effort", "limit", "expected"),
    [
        (OLD, "none", None, (None, DEFAULT_MAX_TOKENS, None)),
        (OLD, "low", None, (2_048, DEFAULT_MAX_TOKENS + 2_048, None)),
        (OLD, "high", None, (16_384, DEFAULT_MAX_TOKENS + 16_384, None)),
        (OLD, "high", 4_000, (2_000, 4_000, None)),
        (OLD, "high", 1_500, (1_024, 1_500, None)),
        ("claude-3-7-sonnet@20250219", "minimal", None, (1_024, DEFAULT_MAX_TOKENS + 1_024, None)),
        ("claude-opus-4@20250514", "max", None, (20_480, DEFAULT_MAX_TOKENS + 20_480, None)),
        ("claude-sonnet-4-6", "minimal", None, ("adaptive", DEFAULT_MAX_TOKENS + 1_024, "low")),
        (NEW, "xhigh", 900, ("adaptive", 900, "xhigh")),
        ("claude-fable-5", "max", None, ("adaptive", DEFAULT_MAX_TOKENS + 20_480, "max")),
        ("claude-mythos-preview", "medium", None, ("adaptive", DEFAULT_MAX_TOKENS + 8_192, "medium")),
        (NEW, "none", None, (None, DEFAULT_MAX_TOKENS, None)),
    ],
)
def test_effort_is_a_budget_before_claude_4_6_and_claude_s_own_affair_since(
    model: str, effort: str, limit: int | None, expected: tuple[Any, int, str | None]
) -> None:
    request = asked(chat(HELLO, reasoning_effort=effort, max_completion_tokens=limit), model=model)
    thinking = request.get("thinking", {})
    found = thinking.get("budget_tokens") or ("adaptive" if thinking == {"type": "adaptive"} else None)
    assert (found, request["max_tokens"], request.get("output_config", {}).get("effort")) == expected
    assert not isinstance(found, int) or 1_024 <= found < request["max_tokens"]


def test_a_form_is_a_schema_whose_objects_are_closed() -> None:
    config = asked(CLAUDE["JSON of an open form"], model=NEW)["output_config"]
    assert config["format"]["schema"] == {
        "type": "object",
        "properties": {
            "a": {"type": "object", "properties": {"b": {"type": "string"}}, "additionalProperties": False}
        },
        "additionalProperties": False,
    }
    both = chat(HELLO, response_format=form(schema({"a": {"type": "string"}})), reasoning_effort="low")
    assert {*asked(both, model=NEW)["output_config"]} == {"format", "effort"}


def test_what_is_to_be_cached_is_marked() -> None:
    request = asked(CLAUDE["a cached beginning"])
    marked = {"cache_control": {"type": "ephemeral"}}
    for block in (request["system"][0], request["messages"][0]["content"][0], request["tools"][0]):
        assert block.items() >= marked.items()


def test_thoughts_are_given_back_before_what_followed_them() -> None:
    [_, said, _] = asked(CLAUDE["thoughts given back"])["messages"]
    assert [block["type"] for block in said["content"]] == ["thinking", "tool_use"]


CUSTOM = {"type": "custom", "custom": {"name": "grep"}}
SOUND = {"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}
TIFF = f"data:image/tiff;base64,{PIXEL}"
THINKING = {"reasoning_effort": "high", "tools": [CLOCK]}
NAMED = {"type": "function", "function": {"name": "get_time"}}
REFUSED: list[tuple[str | None, dict[str, Any]]] = [
    ("messages", {"model": "m"}),
    ("messages", chat(user(""))),
    ("surprise", chat(HELLO, surprise=1)),
    ("safety_settings", chat(HELLO, safety_settings=[])),
    ("stream", chat(HELLO, stream=True)),
    ("n", chat(HELLO, n=2)),
    ("seed", chat(HELLO, seed=1)),
    ("presence_penalty", chat(HELLO, presence_penalty=0.5)),
    ("frequency_penalty", chat(HELLO, frequency_penalty=-0.5)),
    ("logprobs", chat(HELLO, logprobs=True)),
    ("temperature", chat(HELLO, temperature=1.5)),
    ("stop", chat(HELLO, stop="\n\n")),
    ("stop[1]", chat(HELLO, stop=["END", " "])),
    ("web_search_options", chat(HELLO, web_search_options={})),
    ("response_format", chat(HELLO, response_format={"type": "json_object"})),
    ("tools[0].type", chat(HELLO, tools=[CUSTOM])),
    ("tools[0].function.name", chat(HELLO, tools=[{"type": "function", "function": {}}])),
    ("messages[0].name", chat(user("x") | {"name": "ann"})),
    ("messages[0].name", chat(system("x") | {"name": "law"}, HELLO)),
    ("messages[1].role", chat(HELLO, {"role": "function", "name": "f", "content": "x"})),
    ("messages[1].audio", chat(HELLO, assistant(audio={"id": "audio_1"}))),
    ("messages[1].function_call", chat(HELLO, assistant(function_call={"name": "f"}))),
    ("messages[1].tool_calls[0].type", chat(HELLO, assistant(tool_calls=[{"id": "c", "type": "custom"}]))),
    (
        "messages[1].tool_calls[0].function.arguments",
        chat(HELLO, assistant(tool_calls=[call("c", "f", "{")])),
    ),
    ("messages[1].tool_call_id", chat(HELLO, {"role": "tool", "content": "x"})),
    ("messages[0].content[0].image_url.url", chat(user([image("https://x/y.png")]))),
    ("messages[0].content[0].image_url.url", chat(user([image("gs://x/y.png")]))),
    ("messages[0].content[0].image_url.url", chat(user([image(TIFF)]))),
    ("messages[0].content[1].type", chat(user([text("x"), SOUND]))),
    ("messages[0].content[0].file.file_id", chat(user([file(file_id="file-1")]))),
    ("messages[0].content[0].file.file_data", chat(user([file(filename="a.pdf")]))),
    ("messages[0].content[0].file.file_data", chat(user([file(filename="a.mp4", file_data=PDF)]))),
    ("temperature", chat(HELLO, temperature=0.5, **THINKING)),
    ("top_k", chat(HELLO, top_k=5, **THINKING)),
    ("tool_choice", chat(HELLO, tool_choice="required", **THINKING)),
    ("tool_choice", chat(HELLO, tool_choice=NAMED, **THINKING)),
    ("max_tokens", chat(HELLO, max_tokens=1_000, **THINKING)),
    ("max_completion_tokens", chat(HELLO, max_completion_tokens=1_024, **THINKING)),
]


@pytest.mark.parametrize(("param", "body"), REFUSED, ids=range(len(REFUSED)))
def test_what_can_t_be_said_is_refused_by_name(param: str | None, body: dict[str, Any]) -> None:
    with pytest.raises(Untranslatable) as refused:
        ClaudeChat(model=OLD).row(json.dumps(body).encode(), key="k")
    assert refused.value.param == param
    assert param is None or param in refused.value.message


def test_a_claude_that_can_t_be_held_to_a_schema_says_so() -> None:
    body = json.dumps(CLAUDE["JSON of a form"]).encode()
    with pytest.raises(Untranslatable) as refused:
        ClaudeChat(model="claude-3-7-sonnet@20250219").row(body, key="k")
    assert refused.value.param == "response_format"


def test_a_tool_s_answer_and_a_word_after_it_are_one_turn() -> None:
    said = asked(
        chat(HELLO, assistant(tool_calls=[call("c", "f")]), tool("c", "x"), user("And?"), tools=[WEATHER])
    )
    assert [block["type"] for block in said["messages"][2]["content"]] == ["tool_result", "text"]
