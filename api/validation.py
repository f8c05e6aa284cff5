"""What pydantic finds wrong with a request, said in OpenAI's words, with its codes and param names."""

from collections.abc import Sequence
from typing import Any

from overnight.domain.errors import InvalidRequest

_MAX_QUOTED = 100
"""Characters of a client's own value that are repeated to it."""

_PLACES = frozenset({"body", "query", "path", "header"})

_OBJECT = "an object"
_EXPECTED_TYPES = {
    "string_type": "a string",
    "int_type": "an integer",
    "int_parsing": "an integer",
    "list_type": "an array",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
}


_JSON_TYPES = {
    type(None): "null",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal number",
    str: "a string",
    list: "an array",
}


def invalid_request(problems: Sequence[Any]) -> InvalidRequest:
    """Return the first of pydantic's `problems` (as its `errors()` gives them) as OpenAI would put it."""
    problem = problems[0]
    kind, value, context = problem["type"], problem.get("input"), problem.get("ctx", {})
    param = _param(problem["loc"])
    if kind == "json_invalid":
        return InvalidRequest("We could not parse the JSON body of your request.")
    if param is None:
        return InvalidRequest("The request body must be a JSON object, sent as 'application/json'.")
    if kind == "missing":
        message = f"Missing required parameter: '{param}'."
        return InvalidRequest(message, param=param, code="missing_required_parameter")
    if kind in {"enum", "literal_error"}:
        return _unsupported_value(param, value, context["expected"])
    if kind in _EXPECTED_TYPES:
        return _wrong_type(param, value, _EXPECTED_TYPES[kind])
    return _out_of_bounds(param, kind, value, context) or InvalidRequest(
        f"Invalid '{param}': {problem['msg']}.", param=param, code="invalid_value"
    )


def _param(location: Sequence[str | int]) -> str | None:
    parts = location[1:] if location and location[0] in _PLACES else location
    # pydantic locates a problem with a key of a dict at the key itself; OpenAI names the object.
    if parts and parts[-1] == "[key]":
        parts = parts[:-2]
    # Problems with the JSON text itself are located by their offset.
    return ".".join(str(part) for part in parts) if parts and isinstance(parts[0], str) else None


def _unsupported_value(param: str, value: object, expected: str) -> InvalidRequest:
    if not isinstance(value, str):
        return _wrong_type(param, value, "a string")
    supported = expected.replace(" or ", ", and ")
    message = f"Invalid value: '{value[:_MAX_QUOTED]}'. Supported values are: {supported}."
    return InvalidRequest(message, param=param, code="invalid_value")


def _wrong_type(param: str, value: object, expected: str) -> InvalidRequest:
    got = _JSON_TYPES.get(type(value), _OBJECT)
    message = f"Invalid type for '{param}': expected {expected}, but got {got} instead."
    return InvalidRequest(message, param=param, code="invalid_type")


def _out_of_bounds(param: str, kind: str, value: Any, context: dict[str, Any]) -> InvalidRequest | None:  # noqa: ANN401
    match kind:
        case "greater_than_equal":
            code, bound = "integer_below_min_value", context["ge"]
            why = f"integer below minimum value. Expected a value >= {bound}, but got {value} instead."
        case "less_than_equal":
            code, bound = "integer_above_max_value", context["le"]
            why = f"integer above maximum value. Expected a value <= {bound}, but got {value} instead."
        case "string_too_short":
            code = "string_below_min_length"
            why = f"string too short. Expected at least {context['min_length']} characters."
        case "string_too_long":
            code, bound = "string_above_max_length", context["max_length"]
            why = f"string too long. Expected a string with maximum length {bound}, "
            why += f"but got a string with length {len(value)} instead."
        case "too_short":
            code, bound = "empty_array", context["min_length"]
            why = (
                f"empty array. Expected an array with minimum length {bound}, but got an empty array instead."
            )
        case "too_long" if isinstance(value, list):
            code, bound = "array_above_max_length", context["max_length"]
            why = f"array too long. Expected an array with maximum length {bound}, "
            why += f"but got an array with length {len(value)} instead."
        case "too_long":
            code, bound = "object_above_max_properties", context["max_length"]
            why = f"too many properties. Expected an object with at most {bound} properties, "
            why += f"but got an object with {len(value)} properties instead."
        case _:
            return None
    return InvalidRequest(f"Invalid '{param}': {why}", param=param, code=code)
