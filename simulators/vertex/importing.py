"""The table that Vertex AI imports an input into: all rows have to fit it, or the job fails before it runs.

Every key is a column with one type for all rows, records may not be empty, and they nest 15 deep at most.
Source: what users report of jobs that failed with `Failed to import data`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from simulators.vertex.rows import listed

_DEEPEST = 15
_LONGEST = 300
_COLUMN = re.compile(r"[\w&%=+:'<>#|\-][\w&%=+:'<>#|\- ]*")


class Unfit(Exception):
    """A row that does not fit the table."""


class Table:
    """The columns that the rows so far have made."""

    def __init__(self) -> None:
        self._types: dict[str, str] = {}
        self._nulls: set[str] = set()
        self._names: set[str] = set()

    def take(self, row: Mapping[str, Any]) -> None:
        """Fit a row in. Raises Unfit."""
        self._record(row, "", 0)

    def _record(self, record: Mapping[str, Any], path: str, depth: int) -> None:
        if not record:
            raise Unfit(f"Cannot store struct '{path}' with no fields.")
        if depth > _DEEPEST:
            least = f"at least {depth} compared to the maximum allowed level of {_DEEPEST}"
            raise Unfit(f"Schema nested too deeply, {least}")
        for name, value in record.items():
            if name not in self._names:
                self._name(name)
            self._value(value, f"{path}.{name}" if path else name, depth + 1)

    def _name(self, name: str) -> None:
        if not _COLUMN.fullmatch(name) or len(name) > _LONGEST:
            raise Unfit(f'Invalid field name "{name}".')
        self._names.add(name)

    def _value(self, value: object, path: str, depth: int) -> None:
        if value is None:
            self._nulls.add(path)
        else:
            self._agree(path, "repeated" if isinstance(value, list) else "single")
        if path in self._nulls and self._types.get(path) == "repeated":
            raise Unfit(f"Only optional fields can be set to NULL. Field: {path}")
        for each in listed(value):
            self._single(each, path, depth)

    def _single(self, value: object, path: str, depth: int) -> None:
        if isinstance(value, list) or value is None:
            raise Unfit(f"Array specified for non-repeated field, or null in an array. Field: {path}")
        if isinstance(value, Mapping):
            self._agree(f"{path}.", "record")
            self._record(value, path, depth)
        else:
            self._agree(f"{path}.", "scalar")

    def _agree(self, path: str, kind: str) -> None:
        known = self._types.setdefault(path, kind)
        if known == kind:
            return
        if path.endswith("."):
            raise Unfit(f"Field {path.rstrip('.')} is a record in one row and none in another.")
        raise Unfit(f"Repeated field must be imported as a JSON array. Field: {path}")
