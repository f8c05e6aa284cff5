"""Short ways to write a chat completion request, and what several of them have in common."""

from typing import Any

Body = dict[str, Any]

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJcOkw7zDtsOfCg=="
NASTY = 'quotes " and \\ and \u2028 and \u0000 and \r\n\t and 😀 and مرحبا and \U0001f469\u200d\U0001f680'

ODD_ARGUMENTS = '{"city": "A \\"b\\" \\u00e9", "n": null, "o": {}}'


def user(content: Any) -> Body:
    return {"role": "user", "content": content}


def system(content: Any, role: str = "system") -> Body:
    return {"role": role, "content": content}


def assistant(content: Any = None, **fields: Any) -> Body:
    return {"role": "assistant", "content": content, **fields}


def tool(call_id: str, content: Any, **fields: Any) -> Body:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **fields}


def text(value: str) -> Body:
    return {"type": "text", "text": value}


def image(url: str, **fields: Any) -> Body:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


def file(**fields: Any) -> Body:
    return {"type": "file", "file": fields}


def call(call_id: str, name: str, arguments: Any = "{}", **fields: Any) -> Body:
    return {"id": call_id, "type": "function", "function": {"name": name, "arguments": arguments}, **fields}


def function(name: str, parameters: Any = None, **fields: Any) -> Body:
    described = {"name": name, **fields}
    if parameters is not None:
        described["parameters"] = parameters
    return {"type": "function", "function": described}


def schema(properties: Body, **fields: Any) -> Body:
    return {"type": "object", "properties": properties, **fields}


def chat(*messages: Body, **fields: Any) -> Body:
    return {"model": "any", "messages": [*messages], **fields}


def form(described: Body, **fields: Any) -> Body:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": described, **fields}}


HELLO = user("Hello!")
WEATHER = function(
    "get_weather",
    schema({"city": {"type": "string"}, "unit": {"type": "string", "enum": ["c", "f"]}}, required=["city"]),
    description="Tell the weather.",
    strict=True,
)
CLOCK = function("get_time", description="Tell the time.")
PERSON = schema(
    {
        "name": {"type": "string"},
        "age": {"type": ["integer", "null"]},
        "pets": {"type": "array", "items": {"$ref": "#/$defs/Pet"}},
    },
    required=["name", "age", "pets"],
    additionalProperties=False,
    **{
        "$defs": {
            "Pet": schema({"kind": {"enum": ["cat", "dog"]}}, required=["kind"], additionalProperties=False)
        }
    },
)
HUGE = schema(
    {
        f"field_{number}": schema(
            {f"part_{part}": {"type": "string", "description": "x" * 200} for part in range(20)},
            additionalProperties=False,
        )
        for number in range(60)
    },
    additionalProperties=False,
)
WEATHER_TALK = [
    user("How is it in Paris, and in Rome?"),
    assistant(
        None,
        tool_calls=[
            call("call_1", "get_weather", '{"city":"Paris","unit":"c"}'),
            call("call_2", "get_weather", '{"city":"Rome","unit":"c"}'),
        ],
    ),
    tool("call_2", "21 degrees"),
    tool("call_1", [text("9 degrees"), text(" and rain")]),
]
