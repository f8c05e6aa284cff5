"""JSON schemas as Gemini's, one keyword after the other."""

import json
from typing import Any

import pytest
from google.genai import types
from hypothesis import given, settings
from hypothesis import strategies as st

from overnight.domain.errors import Untranslatable
from overnight.translate.gemini_schema import gemini_schema
from tests.overnight.translate.fuzzing import PATIENT
from tests.overnight.translate.importing import ImportTable

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
            "required": ["name", "age"],
        },
    ),
    (
        {"allOf": [{"type": "string", "title": "a"}, {"type": "string", "title": "b"}]},
        {"type": "STRING", "title": "b"},
    ),
    (
        {"$ref": "#/$defs/a~1b", "description": "mine", "$defs": {"a/b": THEIRS}},
        {"type": "STRING", "description": "mine"},
    ),
]


def translated(schema: dict[str, Any], *, ordered: bool = False) -> dict[str, Any]:
    return dict(json.loads(bytes(gemini_schema(schema, param="p", depth=1, ordered=ordered))))


@pytest.mark.parametrize(("schema", "expected"), TRANSLATED, ids=range(len(TRANSLATED)))
def test_a_schema_is_gemini_s(schema: dict[str, Any], expected: dict[str, Any]) -> None:
    found = translated(schema)
    assert found == expected
    types.Schema.model_validate(found)


def test_a_definition_may_be_used_twice() -> None:
    schema = {
        "type": "object",
        "properties": {"home": {"$ref": "#/$defs/Place"}, "work": {"$ref": "#/$defs/Place"}},
        "$defs": {"Place": NAME},
    }
    found = translated(schema, ordered=True)
    place = {"type": "OBJECT", "properties": {"name": {"type": "STRING"}}}
    assert found["properties"] == {"home": place, "work": place}
    assert found["propertyOrdering"] == ["home", "work"]


def test_a_schema_that_comes_again_is_not_translated_again_unless_it_is_large() -> None:
    def same_when_repeated(schema: dict[str, Any]) -> bool:
        first, again = (gemini_schema(schema, param="again", depth=1) for _ in range(2))
        assert bytes(first) == bytes(again)
        return first is again

    text = "x" * 16_000
    shared = {"properties": {f"p{number}": {"$ref": "#/$defs/a"} for number in range(5)}}
    small = {"type": "string", "description": text}
    assert same_when_repeated(small)
    assert not same_when_repeated({"type": "string", "description": 5 * text})
    assert not same_when_repeated({**shared, "$defs": {"a": small}}), "It is large once it is translated."


def test_so_many_schemas_are_kept_and_no_more() -> None:
    def kept(number: int) -> object:
        return gemini_schema({"type": "string", "description": f"{number}"}, param="many", depth=1)

    first, last = kept(0), [kept(number) for number in range(1, 300)][-1]
    assert kept(299) is last
    assert kept(0) is not first


def test_a_schema_is_not_changed_by_being_read() -> None:
    schema = {"allOf": [NAME, {"properties": {"age": {"type": "integer"}}}]}
    before = repr(schema)
    assert translated(schema) == translated(schema)
    assert repr(schema) == before


KEYWORDS = [
    "type",
    "properties",
    "items",
    "required",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "$defs",
]
OTHERS = [
    "description",
    "title",
    "minItems",
    "minimum",
    "default",
    "nullable",
    "additionalProperties",
    "format",
]
SCALARS = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", *KEYWORDS, "#", "#/$defs/a"])
)
TYPES = st.sampled_from(["string", "integer", "number", "boolean", "array", "object", "null"])
ODD = st.recursive(
    SCALARS | TYPES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", *KEYWORDS, *OTHERS]), inner, max_size=4)
    ),
    max_leaves=12,
)
LIKELY = st.fixed_dictionaries({"type": TYPES}, optional=dict.fromkeys(KEYWORDS[1:] + OTHERS, ODD))


@settings(PATIENT, max_examples=500)
@given(
    properties=st.dictionaries(st.sampled_from(["a", "b"]), LIKELY | ODD, min_size=1), ordered=st.booleans()
)
def test_whatever_is_given_for_a_schema_is_gemini_s_or_refused(*, properties: Any, ordered: bool) -> None:
    schema = {"type": "object", "properties": properties, "$defs": {"a": {"type": "string"}}}
    try:
        found = translated(schema, ordered=ordered)
    except Untranslatable:
        return
    types.Schema.model_validate(found)
    ImportTable().add({"it": found})
