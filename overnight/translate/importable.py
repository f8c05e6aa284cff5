"""What Vertex AI's import of a batch's rows takes.

It reads the rows of Gemini models into one table, as BigQuery does, with a column for every path of keys.
Whatever does not fit into such a table fails the whole job, all its lines, before the first is answered
("Failed to import data …"): an object without fields, a field's name with other characters than letters,
digits and `_`, more than 15 objects in one another, a list or a null in a list, a number where elsewhere a
text stands. So a line that has such a thing is refused by itself. Only what the client shapes freely is
looked at (schemas, a call's arguments, Gemini's own settings); the rest we write in one form only.

What a single line can't show is not caught: a number in this line, a text in the same place in another.

Source: the complaints of the import itself, as users of Google's SDK report them.
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
    """Raise Untranslatable unless `value`, `depth` objects deep in its row, fits into the table.

    `param` is the request's field it comes from.
    """
    Columns().require(value, depth=depth, param=param)


class Columns:
    """The columns that some values of one row make together: each has one kind of value."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}

    def require(self, value: object, *, depth: int, param: str) -> None:
        """Take in a value. Raises Untranslatable, as `require_importable` does."""
        self._require(value, depth=depth, param=param, path="")

    def _require(self, value: object, *, depth: int, param: str, path: str) -> None:
        kind = _kind(value)
        if self._kinds.setdefault(path, kind) != kind:
            raise _refusal(param, path, f"a {self._kinds[path]} in one place and a {kind} in another")
        if isinstance(value, dict):
            _require_names(value, depth=depth, param=param, path=path)
            for name, field in value.items():
                if field is not None:
                    self._require(field, depth=depth + 1, param=param, path=f"{path}.{name}")
        elif isinstance(value, list):
            for item in value:
                if item is None or isinstance(item, list):
                    raise _refusal(param, path, f"a {_kind(item)} in a list")
                self._require(item, depth=depth, param=param, path=f"{path}[]")


def _require_names(value: dict[str, object], *, depth: int, param: str, path: str) -> None:
    if depth > MAX_DEPTH:
        raise _refusal(param, path, f"more than {MAX_DEPTH} objects in one another")
    if not value:
        raise _refusal(param, path, "an object without fields")
    if len({name.lower() for name in value}) < len(value):
        raise _refusal(param, path, "two fields whose names differ in capitals only")
    for name in value:
        if not _NAME.fullmatch(name):
            raise _refusal(param, path, f"a field named '{name}' (letters, digits and _ only)")


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
