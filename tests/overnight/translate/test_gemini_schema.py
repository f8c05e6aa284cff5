"""JSON schemas as Gemini's, one keyword after the other."""

from typing import Any

import pytest
from google.genai import types

from overnight.translate.gemini_schema import gemini_schema

NAME = {"type": "object", "properties": {"name": {"type": "string"}}}
THEIRS = {"type": "string", "description": "theirs"}
AGE = {"properties": {"age": {"type": "integer"}}, "required": ["age"]}

TRANSLATED: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"type": "string"}, {"type": "STRING"}),
    ({"type": "STRING"}, {"type": "STRING"}),
    ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
    ({"type": "string", "nullable": True}, {"type": "STRING", "nullable": True}),
    ({"type": ["string", "integer"]}, {"anyOf": [{"type": "STRING"}, {"type": "INTEGER"}]}),
    (
        {"type": ["string", "integer", "null"], "description": "d", "title": "t"},
        {
            "anyOf": [
                {"type": "STRING", "nullable": True, "description": "d"},
                {"type": "INTEGER", "nullable": True, "description": "d"},
            ]
        },
    ),
    ({"anyOf": [{"type": "number"}, {"type": "null"}]}, {"type": "NUMBER", "nullable": True}),
    ({"anyOf": [{"type": "number"}], "description": "d"}, {"type": "NUMBER", "description": "d"}),
    (
        {"oneOf": [{"const": "a"}, {"const": "b"}]},
        {"anyOf": [{"type": "STRING", "enum": ["a"]}, {"type": "STRING", "enum": ["b"]}]},
    ),
    ({"enum": ["a", "b"]}, {"type": "STRING", "enum": ["a", "b"]}),
    ({"enum": ["a", None]}, {"type": "STRING", "enum": ["a"], "nullable": True}),
    ({"enum": [1, 2]}, {"type": "INTEGER", "enum": ["1", "2"]}),
    ({"type": "integer", "enum": [1, 2]}, {"type": "INTEGER", "enum": ["1", "2"]}),
    ({"type": "number", "enum": [0.5]}, {"type": "NUMBER", "description": "(enum: [0.5])"}),
    ({"type": "boolean", "const": True}, {"type": "BOOLEAN", "description": "(enum: [true])"}),
    (
        {"type": "integer", "default": 0, "description": "d"},
        {"type": "INTEGER", "description": "d (default: 0)"},
    ),
    ({"type": "number", "exclusiveMinimum": 0}, {"type": "NUMBER", "description": "(exclusiveMinimum: 0)"}),
    (
        {"type": "number", "multipleOf": 5, "minimum": 0},
        {"type": "NUMBER", "minimum": 0, "description": "(multipleOf: 5)"},
    ),
    (
        {"type": "array", "items": {"type": "string"}, "uniqueItems": False, "maxItems": 3},
        {"type": "ARRAY", "items": {"type": "STRING"}, "maxItems": 3},
    ),
    ({"items": {"type": "string"}}, {"type": "ARRAY", "items": {"type": "STRING"}}),
    ({"properties": {"a": {"type": "string"}}}, {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}),
    ({"type": "object", "additionalProperties": True}, {"type": "OBJECT"}),
    (
        {"type": "string", "$comment": "c", "examples": ["e"], "deprecated": True, "readOnly": True},
        {"type": "STRING"},
    ),
    (
        {**NAME, "required": ["name", "gone"]},
        {"type": "OBJECT", "properties": {"name": {"type": "STRING"}}, "required": ["name"]},
    ),
    ({**NAME, "required": ["gone"]}, {"type": "OBJECT", "properties": {"name": {"type": "STRING"}}}),
    (
        {"allOf": [NAME, AGE, {"required": ["name"]}]},
        {
            "type": "OBJECT",
            "properties": {"name": {"type": "STRING"}, "age": {"type": "INTEGER"}},
            "required": ["age", "name"],
        },
    ),
    (
        {"$ref": "#/$defs/a~1b", "description": "mine", "$defs": {"a/b": THEIRS}},
        {"type": "STRING", "description": "mine"},
    ),
]


@pytest.mark.parametrize(("schema", "expected"), TRANSLATED, ids=range(len(TRANSLATED)))
def test_a_schema_is_gemini_s(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    found = gemini_schema(schema, param="p")
    assert found == expected
    types.Schema.model_validate(found)


def test_a_definition_may_be_used_twice() -> None:
    schema = {
        "type": "object",
        "properties": {"home": {"$ref": "#/$defs/Place"}, "work": {"$ref": "#/$defs/Place"}},
        "$defs": {"Place": NAME},
    }
    found = gemini_schema(schema, param="p", ordered=True)
    place = {"type": "OBJECT", "properties": {"name": {"type": "STRING"}}}
    assert found["properties"] == {"home": place, "work": place}
    assert found["propertyOrdering"] == ["home", "work"]


def test_a_schema_is_not_changed_by_being_read() -> None:
    schema = {"allOf": [NAME, {"properties": {"age": {"type": "integer"}}}]}
    before = repr(schema)
    gemini_schema(schema, param="p")
    assert repr(schema) == before
