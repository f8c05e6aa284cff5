"""A JSON schema as Gemini's own `Schema`, which every Gemini takes, and which Vertex AI's import takes too.

The other way Gemini has, JSON schema as it is, would not survive the import: there a `type` is a text in one
place and a list in another, `$defs` is no name for a field, and `{}` no value (see `importable.py`).

References are replaced by what they refer to. What only narrows a value, and has no field of its own
(`multipleOf`, `exclusiveMinimum`, …), is written into the description, where the model reads it. What
changes the structure and can't be said (`not`, `if`, recursion, …) is refused.

Source: aiplatform v1, Schema.
"""

from typing import NoReturn, cast

import msgspec

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import Json
from overnight.translate.importable import require_importable
from overnight.translate.kept_schemas import KeptSchemas

_encode = msgspec.json.Encoder().encode

_COPIED: dict[str, tuple[type, ...]] = {
    "title": (str,),
    "format": (str,),
    "pattern": (str,),
    "minItems": (int,),
    "maxItems": (int,),
    "minLength": (int,),
    "maxLength": (int,),
    "minProperties": (int,),
    "maxProperties": (int,),
    "minimum": (int, float),
    "maximum": (int, float),
}
_DESCRIBED = ("default", "exclusiveMinimum", "exclusiveMaximum", "multipleOf", "uniqueItems")
_STRUCTURAL = frozenset({
    "not", "if", "then", "else", "prefixItems", "contains", "patternProperties", "propertyNames",
    "dependentSchemas", "dependentRequired", "unevaluatedProperties", "unevaluatedItems", "$dynamicRef",
})  # fmt: skip
_ALONE = frozenset({"anyOf", "description", "nullable", "title", "type"})
"""What may stand beside a choice: Gemini wants `anyOf` to be alone, and these can move into the choices."""

_UNTYPED = "Gemini wants to know the type of every value."
_LATER_WINS = frozenset({"title", "description", "default", "additionalProperties"})
_PARTS = frozenset({"properties", "items", "anyOf", "oneOf", "allOf", "$defs", "definitions"})
"""Where a schema holds others, each of which is a node of its own."""

_MOST_NODES = 5_000
_ROOM_TO_GROW = 2**20
"""In bytes. A few references into one another, or to a long text, can make a schema that fills any memory."""

_LONGEST_PATH = 1_000
"""In characters: beyond this nobody reads where in a schema something is wrong."""

_TYPES = {
    "string": "STRING", "number": "NUMBER", "integer": "INTEGER", "boolean": "BOOLEAN", "array": "ARRAY",
    "object": "OBJECT",
}  # fmt: skip


def gemini_schema(schema: Json, *, param: str, depth: int, ordered: bool = False) -> msgspec.Raw:
    """Return a JSON schema as Gemini's. Raises Untranslatable.

    `param` is where it stands in the request, `depth` how many objects deep it will stand in its row. With
    `ordered` the fields of an answer come in the order of the schema's properties, as they do at OpenAI, and
    an object of which only the values are described is refused, since Gemini leaves it empty.
    """
    key = _encode(schema), param, depth, ordered
    found = _kept.get(key)
    if found is None:
        found = _translated(*key)
        _kept.keep(key, found)
    return found


_kept = KeptSchemas()


def _translated(schema: bytes, param: str, depth: int, ordered: bool) -> msgspec.Raw:  # noqa: FBT001 - a key
    root = msgspec.json.decode(schema, type=Json)
    translation = _Translation(root, param=param, ordered=ordered, most=len(schema) + _ROOM_TO_GROW)
    translated = translation.of(root, param, ())
    require_importable(translated, depth=depth, param=param)
    return msgspec.Raw(_encode(translated))


class _Translation:
    def __init__(self, root: Json, *, param: str, ordered: bool, most: int) -> None:
        self._root = root
        self._param = param
        self._ordered = ordered
        self._most = most
        self._nodes = 0
        self._size = 0

    def of(self, node: object, path: str, within: tuple[str, ...]) -> Json:
        """Return a node, `within` being the references that led to it."""
        if not isinstance(node, dict) or not node:
            _refuse(path, _UNTYPED)
        self._count(path)
        node, within = self._resolved(node, path, within)
        own = {name: value for name, value in node.items() if name not in _PARTS}
        self._count(path, nodes=0, size=len(_encode(own)))
        if structural := sorted(node.keys() & _STRUCTURAL):
            _refuse(f"{path}.{structural[0]}", "Gemini's schemas can't say this; describe it in words.")
        schema = {**_copied(node, path), **self._choices(node, path, within), **_typed(node, path)}
        self._add_members(schema, node, path, within)
        if description := _description(node):
            schema["description"] = description
        if "anyOf" in schema:
            return self._choice_alone(schema, path)
        if "type" not in schema:
            _refuse(path, _UNTYPED)
        return schema

    def _count(self, path: str, *, nodes: int = 1, size: int = 0) -> None:
        self._nodes += nodes
        self._size += size
        if self._nodes > _MOST_NODES or self._size > self._most or len(path) > _LONGEST_PATH:
            _refuse(self._param, "With its references followed, this schema is too large.")

    def _resolved(self, node: Json, path: str, within: tuple[str, ...]) -> tuple[Json, tuple[str, ...]]:
        """Put in what `$ref` and `allOf` stand for."""
        while True:
            if "$ref" in node:
                reference = node["$ref"]
                if not isinstance(reference, str) or reference in within:
                    _refuse(path, "Gemini's schemas can't contain themselves.")
                within = (*within, reference)
                others = {name: value for name, value in node.items() if name != "$ref"}
                node = {**self._target(reference, path), **others}
            elif isinstance(parts := node.get("allOf"), list):
                others = {name: value for name, value in node.items() if name != "allOf"}
                node = self._merged([*parts, others], f"{path}.allOf", within)
            else:
                return node, within

    def _target(self, reference: str, path: str) -> Json:
        if not reference.startswith("#"):
            _refuse(f"{path}.$ref", "Only references into the same schema can be followed.")
        target: object = self._root
        for step in reference.removeprefix("#").split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            target = target.get(name) if isinstance(target, dict) else None
        if not isinstance(target, dict):
            _refuse(f"{path}.$ref", f"There is no '{reference}' in this schema.")
        return target

    def _merged(self, parts: list[object], path: str, within: tuple[str, ...]) -> Json:
        merged: Json = {}
        for part in parts:
            if not isinstance(part, dict):
                _refuse(path, "Every part must be a schema.")
            self._count(path)
            for name, value in self._resolved(part, path, within)[0].items():
                merged[name] = _together(name, merged[name], value, path) if name in merged else value
        return merged

    def _choices(self, node: Json, path: str, within: tuple[str, ...]) -> Json:
        """Return `anyOf`; a choice between something and null is that something, `nullable`."""
        keyword = "anyOf" if "anyOf" in node else "oneOf"
        choices = node.get(keyword)
        if choices is None:
            return {}
        if not isinstance(choices, list) or not choices:
            _refuse(f"{path}.{keyword}", "This must be a list of schemas.")
        real = [(place, choice) for place, choice in enumerate(choices) if not _is_null(choice)]
        schemas = [self.of(choice, f"{path}.{keyword}[{place}]", within) for place, choice in real]
        nullable: Json = {"nullable": True} if len(real) < len(choices) else {}
        return {**(schemas[0] if len(schemas) == 1 else {"anyOf": schemas}), **nullable}

    def _choice_alone(self, schema: Json, path: str) -> Json:
        """Return a schema with a choice so that nothing else stands beside it."""
        for keyword in schema:
            if keyword not in _ALONE:
                _refuse(
                    f"{path}.{keyword}",
                    "Gemini takes nothing beside a choice; write it into each choice.",
                )
        told = {name: schema[name] for name in ("description", "nullable") if name in schema}
        choices = cast("list[Json]", schema["anyOf"])
        self._count(path, nodes=0, size=len(_encode(told)) * len(choices))
        return {"anyOf": [{**told, **choice} for choice in choices]}

    def _add_members(self, schema: Json, node: Json, path: str, within: tuple[str, ...]) -> None:
        properties = node.get("properties")
        if isinstance(properties, dict) and properties:
            schema["properties"] = {
                name: self.of(value, f"{path}.properties.{name}", within)
                for name, value in properties.items()
            }
            required = node.get("required")
            if isinstance(required, list):
                wanted = {name for name in required if isinstance(name, str)}
                if kept := [name for name in properties if name in wanted]:
                    schema["required"] = kept
            if self._ordered and len(properties) > 1:
                schema["propertyOrdering"] = [*properties]
        elif self._ordered and isinstance(node.get("additionalProperties"), dict):
            why = "Gemini needs every property's name; make it a list of objects with a key and a value."
            _refuse(f"{path}.additionalProperties", why)
        if "items" in node:
            schema["items"] = self.of(node["items"], f"{path}.items", within)


def _copied(node: Json, path: str) -> Json:
    copied: Json = {}
    for name, value in node.items():
        if name in _COPIED and value is not None:
            if isinstance(value, bool) or not isinstance(value, _COPIED[name]):
                _refuse(f"{path}.{name}", "This is not the kind of value that JSON schema has here.")
            copied[name] = value
    return copied


def _description(node: Json) -> str:
    """Return the description, with what can only be told in words at its end."""
    told = {name: node[name] for name in _DESCRIBED if node.get(name) is not None}
    if told.get("uniqueItems") is False:
        del told["uniqueItems"]
    if isinstance(values := node.get("additionalProperties"), dict) and values:
        told["additionalProperties"] = values
    if isinstance(values := _enum(node), list) and not _enumerable(values):
        told["enum"] = values
    said = node.get("description")
    return " ".join([*([said] if isinstance(said, str) and said else []), *_in_words(told)])


def _typed(node: Json, path: str) -> Json:
    """Return `type`, `nullable`, `enum`, and `anyOf` where several types are allowed."""
    enum = _enum(node)
    named = node.get("type")
    types = named if isinstance(named, list) else [named] if named is not None else _implied(node, enum)
    typed: Json = {}
    if "null" in types or (isinstance(enum, list) and None in enum) or node.get("nullable") is True:
        typed["nullable"] = True
    real = [_type(name, path) for name in types if name != "null"]
    if len(real) == 1:
        typed["type"] = real[0]
    elif real:
        typed["anyOf"] = [{"type": name} for name in real]
    elif types:
        _refuse(f"{path}.type", "Gemini's schemas have no value that is always null.")
    if isinstance(enum, list) and _enumerable(enum):
        typed["enum"] = [str(value) for value in enum if value is not None]
    return typed


def _enum(node: Json) -> object:
    return [node["const"]] if "const" in node else node.get("enum")


def _implied(node: Json, enum: object) -> list[object]:
    if isinstance(enum, list) and enum:
        return ["integer"] if all(type(value) is int for value in enum) else ["string"]
    if "properties" in node:
        return ["object"]
    return ["array"] if "items" in node else []


def _type(name: object, path: str) -> str:
    if not isinstance(name, str) or name.lower() not in _TYPES:
        _refuse(f"{path}.type", f"Gemini knows no type '{name}'.")
    return _TYPES[name.lower()]


def _enumerable(values: list[object]) -> bool:
    """Whether these can be an `enum` of Gemini's: texts, or whole numbers as texts."""
    real = [value for value in values if value is not None]
    return bool(real) and (
        all(isinstance(value, str) for value in real) or all(type(value) is int for value in real)
    )


def _is_null(choice: object) -> bool:
    return isinstance(choice, dict) and (choice.get("type") == "null" or choice.get("const", "") is None)


def _together(name: str, one: object, other: object, path: str) -> object:
    """Return what two parts of an `allOf` say of the same thing."""
    if isinstance(one, dict) and isinstance(other, dict) and name == "properties":
        return {**one, **other}
    if isinstance(one, list) and isinstance(other, list) and name == "required":
        return [*one, *(value for value in other if value not in one)]
    if one != other and name not in _LATER_WINS:
        _refuse(path, f"Two parts say different things of '{name}'.")
    return other


def _in_words(told: Json) -> list[str]:
    return [f"({name}: {_encode(value).decode()})" for name, value in told.items()]


def _refuse(param: str, why: str) -> NoReturn:
    raise Untranslatable(f"{param}: {why}", param=param)
