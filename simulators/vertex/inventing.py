"""Values for a schema that somebody wants answered: always the same for the same schema and request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_DEEPEST = 20


def invented(schema: object, *, text: str) -> Any:  # noqa: ANN401 - JSON
    """Return a value that fits a schema, OpenAPI's or JSON's; its strings are `text`."""
    return _Inventor(schema, text).value(schema, 0)


class _Inventor:
    def __init__(self, root: object, text: str) -> None:
        definitions = root.get("$defs", root.get("defs", {})) if isinstance(root, Mapping) else {}
        self._definitions: Mapping[str, Any] = definitions
        self._text = text

    def value(self, schema: object, depth: int) -> Any:  # noqa: ANN401 - JSON
        if not isinstance(schema, Mapping) or depth > _DEEPEST:
            return self._text
        if chosen := self._chosen(schema):
            return self.value(chosen, depth + 1)
        if schema.get("enum"):
            return schema["enum"][0]
        if "const" in schema:
            return schema["const"]
        return self._of_type(_type(schema), schema, depth)

    def _chosen(self, schema: Mapping[str, Any]) -> object:
        """Return the schema that stands for another: what it refers to, or the first that it may be."""
        if "$ref" in schema:
            return self._definitions.get(str(schema["$ref"]).rsplit("/", 1)[-1], {})
        for name in ("anyOf", "any_of", "oneOf", "allOf"):
            if schema.get(name):
                return schema[name][0]
        return None

    def _of_type(self, kind: str, schema: Mapping[str, Any], depth: int) -> Any:  # noqa: ANN401 - JSON
        match kind:
            case "object":
                properties = schema.get("properties", {})
                return {name: self.value(each, depth + 1) for name, each in properties.items()}
            case "array":
                least = int(schema.get("minItems", schema.get("min_items", 1)) or 1)
                return [self.value(schema.get("items", {}), depth + 1)] * least
            case "integer":
                return int(schema.get("minimum", 1))
            case "number":
                return float(schema.get("minimum", 1.5))
            case _:
                return {"boolean": True, "null": None}.get(kind, self._text)


def _type(schema: Mapping[str, Any]) -> str:
    said = schema.get("type")
    if isinstance(said, list):
        said = next((each for each in said if each != "null"), "null")
    if said is None:
        said = "object" if "properties" in schema else "string"
    return str(said).lower()
