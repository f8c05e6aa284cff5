"""What Vertex AI's import of a batch's rows takes.

It reads the rows of Gemini models into one table, as BigQuery does, with a column for every path of keys.
Whatever does not fit into such a table fails the whole job, all its lines, before the first is answered
("Failed to import data …"): an object without fields, a field's name with other characters than letters,
digits and `_`, more than 15 objects in one another, a list in a list or of different things, a null in a
list. So a line that has such a thing is refused by itself. Only what the client shapes freely is looked at
(schemas, a call's arguments, Gemini's own settings); the rest we write in one form only.

What a single line can't show is not caught: the same path with a number in one line, a text in another.

Source: the import's own complaints, as users report them (googleapis/python-genai#2123).
"""

import re

from overnight.domain.errors import Untranslatable

MAX_DEPTH = 15
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,299}")


def without_nothing(value: dict[str, object]) -> dict[str, object]:
    """Return an object without fields that are null or hold no field, which the table has no place for."""
    kept = ((name, _without_nothing(field)) for name, field in value.items())
    return {name: field for name, field in kept if field is not None and field != {}}


def _without_nothing(value: object) -> object:
    if isinstance(value, dict):
        return without_nothing(value)
    if isinstance(value, list):
        return [_without_nothing(item) for item in value]
    return value


def require_importable(value: object, *, depth: int, param: str) -> None:
    """Raise Untranslatable unless `value`, an object `depth` objects deep in its row, fits into the table.

    `param` is the request's field it comes from.
    """
    _require(value, depth=depth, param=param, path="")


def _require(value: object, *, depth: int, param: str, path: str) -> None:
    if isinstance(value, dict):
        _require_object(value, depth=depth, param=param, path=path)
    elif isinstance(value, list):
        _require_list(value, depth=depth, param=param, path=path)


def _require_object(value: dict[str, object], *, depth: int, param: str, path: str) -> None:
    if depth > MAX_DEPTH:
        raise _refusal(param, path, f"more than {MAX_DEPTH} objects in one another")
    if not value:
        raise _refusal(param, path, "an object without fields")
    if len({name.lower() for name in value}) < len(value):
        raise _refusal(param, path, "two fields whose names differ in capitals only")
    for name, field in value.items():
        if not _NAME.fullmatch(name):
            raise _refusal(param, path, f"a field named '{name}' (letters, digits and _ only)")
        _require(field, depth=depth + 1, param=param, path=f"{path}.{name}")


def _require_list(value: list[object], *, depth: int, param: str, path: str) -> None:
    kinds = {_kind(item) for item in value}
    if "null" in kinds:
        raise _refusal(param, path, "a null in a list")
    if "list" in kinds:
        raise _refusal(param, path, "a list in a list")
    if len(kinds) > 1:
        raise _refusal(param, path, "a list of different things")
    for item in value:
        _require(item, depth=depth, param=param, path=f"{path}[]")


def _kind(value: object) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "bool"
        case int() | float():
            return "number"
        case str():
            return "text"
        case list():
            return "list"
        case _:
            return "object"


def _refusal(param: str, path: str, what: str) -> Untranslatable:
    place = f"{param}{path}"
    return Untranslatable(f"{place}: Vertex AI's batch import can't take {what}.", param=param)
