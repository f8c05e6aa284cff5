"""What a Gemini can't be told is refused by name, before a job is made of it."""

import json
from typing import Any

import pytest

from overnight.domain.errors import InvalidRequest, Untranslatable
from overnight.translate import ClaudeChat, GeminiChat, Shape
from tests.overnight.translate.writing import (
    CLOCK,
    HELLO,
    PDF,
    WEATHER,
    assistant,
    call,
    chat,
    file,
    form,
    function,
    image,
    schema,
    system,
    text,
    tool,
    user,
)

GEMINI = GeminiChat(model="gemini-2.5-flash")
CUSTOM = {"type": "custom", "custom": {"name": "grep"}}
AUDIO = {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "midi"}}
RECURSIVE = schema({"a": {"$ref": "#/$defs/A"}}, **{"$defs": {"A": schema({"b": {"$ref": "#/$defs/A"}})}})
TORN = {"allOf": [{"type": "string"}, {"type": "integer"}]}
CROWDED = {"anyOf": [{"type": "string"}, {"type": "integer"}], "properties": {"b": {"type": "string"}}}
MAP = {"type": "object", "additionalProperties": {"type": "string"}}
NESTED: dict[str, Any] = {"type": "string"}
LONG = schema({"a": {"type": "string"}}, description="x" * 3_000_000)
for _ in range(7):
    NESTED = schema({"deeper": NESTED})


def called(arguments: str) -> dict[str, Any]:
    return chat(HELLO, assistant(tool_calls=[call("c", "f", arguments)]), tool("c", "x"), tools=[CLOCK])


def offered(parameters: dict[str, Any]) -> dict[str, Any]:
    return chat(HELLO, tools=[CLOCK, function("f", parameters)])


def formed(described: dict[str, Any]) -> dict[str, Any]:
    return chat(HELLO, response_format=form(described))


TORN_CALLS = chat(
    HELLO,
    assistant(tool_calls=[call("c", "f", '{"id":5}'), call("d", "g", '{"id":"five"}')]),
    tool("c", "x"),
    tool("d", "y"),
)
ARGUMENTS = "messages[1].tool_calls[0].function.arguments"
PARAMETERS = "tools[1].function.parameters"
SCHEMA = "response_format.json_schema.schema"

REFUSED: list[tuple[str | None, Any]] = [
    # What is no request at all.
    (None, "no JSON"),
    (None, []),
    ("messages", {"model": "m"}),
    ("messages", chat()),
    ("messages", chat(system(""))),
    ("messages", chat(assistant(None))),
    ("surprise", chat(HELLO, surprise=1)),
    ("temperature", chat(HELLO, temperature="hot")),
    ("max_tokens", chat(HELLO, max_tokens=1.5)),
    ("reasoning_effort", chat(HELLO, reasoning_effort="enormous")),
    ("messages[0].role", chat({"role": "critic", "content": "x"})),
    ("messages[0].role", chat({"content": "x"})),
    ("messages[0].content", chat({"role": "user"})),
    ("messages[0].content", chat(user(None))),
    ("messages[1].content[0].type", chat(HELLO, user([{"type": "hologram"}]))),
    ("messages[0].content[0].text", chat(user([{"type": "text"}]))),
    ("messages[0].content[0].image_url", chat(user([{"type": "image_url", "image_url": "https://x"}]))),
    ("messages[0].content[0].type", chat(system([image("gs://b/x.png")]))),
    ("response_format.type", chat(HELLO, response_format={"type": "yaml"})),
    ("tool_choice", chat(HELLO, tools=[CLOCK], tool_choice="perhaps")),
    ("tool_choice", chat(HELLO, tools=[CLOCK], tool_choice={"type": "custom", "custom": {"name": "f"}})),
    # What no batch of any provider of ours can do.
    ("stream", chat(HELLO, stream=True)),
    ("audio", chat(HELLO, audio={"voice": "alloy", "format": "wav"})),
    ("modalities", chat(HELLO, modalities=["text", "audio"])),
    ("functions", chat(HELLO, functions=[{"name": "f"}])),
    ("function_call", chat(HELLO, function_call="auto")),
    ("logit_bias", chat(HELLO, logit_bias={"50256": -100})),
    ("moderation", chat(HELLO, moderation={"model": "omni"})),
    ("verbosity", chat(HELLO, verbosity="low")),
    ("messages[0].name", chat(user("x") | {"name": "ann"})),
    ("messages[1].name", chat(HELLO, assistant("x", name="bot"))),
    ("messages[0].name", chat(system("x") | {"name": "law"}, HELLO)),
    ("messages[1].role", chat(HELLO, {"role": "function", "name": "f", "content": "x"})),
    ("messages[1].audio", chat(HELLO, assistant(audio={"id": "audio_1"}))),
    ("messages[1].function_call", chat(HELLO, assistant(function_call={"name": "f", "arguments": "{}"}))),
    # What a Gemini does not do.
    ("parallel_tool_calls", chat(HELLO, tools=[CLOCK], parallel_tool_calls=False)),
    ("tools[1].type", chat(HELLO, tools=[CLOCK, CUSTOM])),
    ("tools[0].type", chat(HELLO, tools=[{"type": "web_search"}])),
    ("tools[0].function.name", chat(HELLO, tools=[{"type": "function", "function": {}}])),
    ("tools[0].function", chat(HELLO, tools=[{"type": "function"}])),
    ("web_search_options.user_location", chat(HELLO, web_search_options={"user_location": {}})),
    (
        "web_search_options.search_context_size",
        chat(HELLO, web_search_options={"search_context_size": "high"}),
    ),
    ("messages[1].tool_call_id", chat(HELLO, tool("never", "x"))),
    ("messages[1].tool_calls[0].type", chat(HELLO, assistant(tool_calls=[{"id": "c", "type": "custom"}]))),
    ("messages[0].content[0].image_url.url", chat(user([image("ftp://x/y.png")]))),
    ("messages[0].content[0].image_url.url", chat(user([image("data:image/png;base64,***")]))),
    ("messages[0].content[0].image_url.url", chat(user([image("data:image/png;base64")]))),
    ("messages[0].content[1].input_audio.format", chat(user([text("x"), AUDIO]))),
    ("messages[0].content[0].file.file_id", chat(user([file(file_id="file-1")]))),
    ("messages[0].content[0].file.file_data", chat(user([file(filename="a.pdf")]))),
    ("messages[0].content[0].file.file_data", chat(user([file(file_data=f"{PDF}!")]))),
    (ARGUMENTS, called("{")),
    (ARGUMENTS, called("[1]")),
    # What the import would fail the whole job for.
    (ARGUMENTS, called('{"a b":1}')),
    (ARGUMENTS, called('{"a":[1,"x"]}')),
    (ARGUMENTS, called('{"a":[[1]]}')),
    (ARGUMENTS, called('{"a":[null]}')),
    (ARGUMENTS, called('{"a":1,"A":2}')),
    (ARGUMENTS, called('{"a":[{"b":1},{"b":"x"}]}')),
    ("messages[1].tool_calls[1].function.arguments", TORN_CALLS),
    (ARGUMENTS, called('{"a":' * 12 + "1" + "}" * 12)),
    (PARAMETERS, offered(schema({"größe": {"type": "number"}}))),
    (PARAMETERS, offered(schema({"user-id": {"type": "string"}}))),
    (PARAMETERS, offered(NESTED)),
    (SCHEMA, formed(NESTED)),
    (SCHEMA, formed(schema({"No claims/half-truths": {"type": "boolean"}}))),
    ("tools[0].url_context", chat(HELLO, tools=[{"url_context": {}}])),
    ("tools[0].code_execution", chat(HELLO, tools=[{"code_execution": {}}])),
    ("tools[0]", chat(HELLO, tools=[{"googleSearch": {"excludeDomains": [["x"]]}}])),
    ("thinking_config", chat(HELLO, thinking_config={"thinking budget": 0})),
    (
        "extra_body.google.safety_settings",
        chat(HELLO, extra_body={"google": {"safety_settings": [{"?": 1}]}}),
    ),
    ("extra_body.google.colour", chat(HELLO, extra_body={"google": {"colour": 1}})),
    ("labels", chat(HELLO, labels={"my label": "x"})),
    # What a schema can't say.
    (f"{PARAMETERS}.properties.a.not", offered(schema({"a": {"not": {"type": "string"}}}))),
    (f"{PARAMETERS}.properties.a.if", offered(schema({"a": {"if": {}, "then": {}}}))),
    (f"{PARAMETERS}.properties.a.prefixItems", offered(schema({"a": {"prefixItems": [{"type": "string"}]}}))),
    (f"{PARAMETERS}.properties.a", offered(schema({"a": {}}))),
    (f"{PARAMETERS}.properties.a", offered(schema({"a": True}))),
    (f"{PARAMETERS}.properties.a", offered(schema({"a": {"description": "anything"}}))),
    (f"{PARAMETERS}.properties.a.minItems", offered(schema({"a": {"type": "array", "minItems": "3"}}))),
    (f"{PARAMETERS}.properties.a.title", offered(schema({"a": {"type": "string", "title": 5}}))),
    (f"{PARAMETERS}.properties.a.items", offered(schema({"a": {"type": "array", "items": {}}}))),
    (f"{PARAMETERS}.properties.a.type", offered(schema({"a": {"type": "date"}}))),
    (f"{PARAMETERS}.properties.a.type", offered(schema({"a": {"type": "null"}}))),
    (f"{PARAMETERS}.properties.a.$ref", offered(schema({"a": {"$ref": "#/$defs/gone"}}))),
    (f"{PARAMETERS}.properties.a.$ref", offered(schema({"a": {"$ref": "https://example.com/s"}}))),
    (f"{PARAMETERS}.properties.a.anyOf", offered(schema({"a": {"anyOf": []}}))),
    (f"{PARAMETERS}.properties.a.properties", offered(schema({"a": CROWDED}))),
    (f"{PARAMETERS}.properties.a.allOf", offered(schema({"a": TORN}))),
    (f"{PARAMETERS}.properties.a.allOf", offered(schema({"a": {"allOf": [True]}}))),
    (f"{PARAMETERS}.properties.a", offered(schema({"a": {"$ref": 5}}))),
    (f"{PARAMETERS}.properties.a.properties.b", offered(RECURSIVE)),
    (f"{SCHEMA}.additionalProperties", formed(MAP)),
]


@pytest.mark.parametrize(("param", "body"), REFUSED, ids=range(len(REFUSED)))
def test_what_can_t_be_said_is_refused_by_name(param: str | None, body: Any) -> None:
    encoded = body.encode() if isinstance(body, str) else json.dumps(body).encode()
    with pytest.raises(Untranslatable) as refused:
        GEMINI.row(encoded, key="k")
    assert refused.value.param == param
    assert param is None or param in refused.value.message
    assert refused.value.code == "unsupported_by_provider"


def test_a_refusal_is_the_client_s_to_mend() -> None:
    assert issubclass(Untranslatable, InvalidRequest)


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "gemini-3-pro-preview"])
def test_a_pro_can_t_be_kept_from_thinking(model: str) -> None:
    body = json.dumps(chat(HELLO, reasoning_effort="none")).encode()
    with pytest.raises(Untranslatable) as refused:
        GeminiChat(model=model).row(body, key="k")
    assert refused.value.param == "reasoning_effort"


def from_deep_within(levels: int, shape: Shape, body: bytes) -> bytes:
    """Call `row` where much of the interpreter's stack is used up already."""
    return from_deep_within(levels - 1, shape, body) if levels else shape.row(body, key="k")


def nested(levels: int) -> str:
    return '{"type":"array","items":' * levels + '{"type":"string"}' + "}" * levels


@pytest.mark.parametrize("levels", [20, 100, 480, 100_000])
def test_a_schema_nested_out_of_all_reason_is_refused_in_few_words(levels: int) -> None:
    body = json.dumps(formed({"properties": {"a": "deep"}})).replace('"deep"', nested(levels))
    with pytest.raises(Untranslatable) as refused:
        from_deep_within(400, GEMINI, body.encode())
    assert len(refused.value.message) < 2_000


@pytest.mark.parametrize(("levels", "stack"), [(480, 300), (480, 700), (100_000, 0)])
@pytest.mark.parametrize("shape", [GEMINI, ClaudeChat(model="claude-opus-4-7")], ids=["gemini", "claude"])
def test_what_would_use_up_the_stack_is_refused(levels: int, stack: int, shape: Shape) -> None:
    body = json.dumps(called("{}") | formed({"a": "deep"})).replace('"deep"', nested(levels))
    with pytest.raises(Untranslatable):
        from_deep_within(stack, shape, body.encode())


@pytest.mark.parametrize("stack", [300, 700])
def test_arguments_that_would_use_up_the_stack_are_refused(stack: int) -> None:
    with pytest.raises(Untranslatable):
        from_deep_within(stack, GEMINI, json.dumps(called(nested(480))).encode())


def test_a_body_of_nothing_but_brackets_is_refused() -> None:
    with pytest.raises(Untranslatable):
        GEMINI.row(b'{"messages":' + b"[" * 100_000, key="k")


def test_references_that_double_again_and_again_are_refused_at_once() -> None:
    definitions = {
        f"d{number}": schema({side: {"$ref": f"#/$defs/d{number + 1}"} for side in ("l", "r")})
        for number in range(40)
    }
    definitions["d40"] = {"type": "string"}
    body = json.dumps(offered(schema({"a": {"$ref": "#/$defs/d0"}}, **{"$defs": definitions}))).encode()
    with pytest.raises(Untranslatable, match="too large"):
        GEMINI.row(body, key="k")


TEXT = "x" * 60_000
MANY = range(1_000)


@pytest.mark.parametrize(
    "grown",
    [
        {"$ref": "#/$defs/d0", "$defs": {
            **{f"d{number}": {"allOf": [{"$ref": f"#/$defs/d{number + 1}"}] * 2} for number in range(40)},
            "d40": {"type": "string"},
        }},
        schema(
            {f"p{number}": {"$ref": "#/$defs/a"} for number in MANY},
            **{"$defs": {"a": {"type": "string", "description": TEXT}}},
        ),
        {"description": TEXT, "anyOf": [{"type": "string"} for _ in MANY]},
    ],
    ids=["parts", "a long text", "choices"],
)  # fmt: skip
def test_a_schema_that_grows_out_of_all_reason_is_refused_at_once(grown: dict[str, Any]) -> None:
    body = json.dumps(offered(schema({"a": grown}, **{"$defs": grown.get("$defs", {})}))).encode()
    with pytest.raises(Untranslatable, match="too large"):
        GEMINI.row(body, key="k")


def test_a_schema_with_a_long_text_is_as_good_as_any() -> None:
    [tool] = json.loads(GEMINI.row(json.dumps(offered(LONG)).encode(), key="k"))["request"]["tools"]
    assert tool["functionDeclarations"][1]["parameters"]["description"] == LONG["description"]


def test_nothing_of_what_the_client_said_is_in_the_message() -> None:
    secret = "my deepest secret"
    for body in (chat(user([file(file_id="f"), text(secret)])), chat(user(secret), surprise=secret)):
        with pytest.raises(Untranslatable) as refused:
            GEMINI.row(json.dumps(body).encode(), key="k")
        assert secret not in refused.value.message


def test_a_weather_that_is_well_described_is_not_refused() -> None:
    row = GEMINI.row(json.dumps(chat(HELLO, tools=[WEATHER])).encode(), key="k")
    assert b"get_weather" in row
