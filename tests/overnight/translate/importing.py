"""The table that Vertex AI's import makes of a job's rows, as far as its complaints tell what it is like.

Each path of keys is a column with one kind of value, over all rows together.
"""

import re
from typing import Any

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_DEEPEST = 15


class Complaint(Exception):
    """Why the whole job fails."""


class ImportTable:
    """Takes in rows. Raises Complaint where a job of them would fail."""

    def __init__(self) -> None:
        self._kinds: dict[str, str] = {}

    def add(self, row: dict[str, Any]) -> None:
        """Take in a row."""
        self._add_fields(row, "", depth=0)

    def _add_fields(self, record: dict[str, Any], path: str, *, depth: int) -> None:
        if not record:
            raise Complaint(f"Cannot store struct '{path}' with no fields")
        if depth > _DEEPEST:
            raise Complaint(f"Schema nested too deeply: {path}")
        if len({name.lower() for name in record}) < len(record):
            raise Complaint(f"Duplicate field name below {path}")
        for name, value in record.items():
            if not _NAME.fullmatch(name):
                raise Complaint(f'Invalid field name "{name}"')
            self._add(value, f"{path}.{name}".removeprefix("."), depth=depth)

    def _add(self, value: Any, path: str, *, depth: int) -> None:
        if value is None:
            return
        kind = _kind(value)
        if self._kinds.setdefault(path, kind) != kind:
            raise Complaint(f"{path} is {self._kinds[path]}, and {kind}")
        if isinstance(value, dict):
            self._add_fields(value, path, depth=depth + 1)
        if isinstance(value, list):
            for item in value:
                if item is None or isinstance(item, list):
                    raise Complaint(f"{path} holds {item}")
                self._add(item, f"{path}[]", depth=depth)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return {int: "number", float: "number"}.get(type(value), type(value).__name__)
