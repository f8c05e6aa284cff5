"""The filter of a list: `state="JOB_STATE_RUNNING" AND displayName:"shard-*"`, as AIP-160 has it.

Comparisons are joined by AND and OR (which binds tighter), turned around by NOT or a minus, and grouped in
parentheses. What can be compared, and how, is what the reference of `batchPredictionJobs.list` says.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from simulators.native.manner import Json
from simulators.native.refusals import Reason, Refusal

Test = Callable[[Json], bool]

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(?P<sign>!=|<=|>=|[=<>:()\-])|(?P<word>[^\s=<>!:()"']+))"""
)
_FIELDS = {
    "display_name": "displayName",
    "displayName": "displayName",
    "model_display_name": "modelDisplayName",
    "modelDisplayName": "modelDisplayName",
    "state": "state",
    "create_time": "createTime",
    "createTime": "createTime",
}
_SIGNS: Mapping[str, tuple[str, ...]] = {
    "displayName": ("=", "!=", ":"),
    "modelDisplayName": ("=", "!="),
    "state": ("=", "!="),
    "createTime": ("=", "!=", "<", "<=", ">", ">="),
}
_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def filter_of(text: str) -> Test:
    """Return the test that a filter puts a shown job to. Raises Refusal."""
    parser = _Parser(text)
    return parser.everything() if text.strip() else lambda _job: True


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens = self._cut(text)

    def everything(self) -> Test:
        test = self._all_of()
        if self._tokens:
            raise self._refusal()
        return test

    def _all_of(self) -> Test:
        tests = [self._any_of()]
        while self._tokens and self._tokens[0] != ")":
            # Two restrictions side by side mean both.
            self._take_if("AND")
            tests.append(self._any_of())
        return lambda job: all(test(job) for test in tests)

    def _any_of(self) -> Test:
        tests = [self._one()]
        while self._take_if("OR"):
            tests.append(self._one())
        return lambda job: any(test(job) for test in tests)

    def _one(self) -> Test:
        if self._take_if("NOT") or self._take_if("-"):
            test = self._one()
            return lambda job: not test(job)
        if self._take_if("("):
            test = self._all_of()
            if not self._take_if(")"):
                raise self._refusal()
            return test
        return self._restriction()

    def _restriction(self) -> Test:
        name, sign, value = self._take(), self._take(), self._take()
        if value == "-":
            value += self._take()
        if name.startswith("labels."):
            return self._label(name.removeprefix("labels."), sign, value)
        field = _FIELDS.get(name)
        if field is None or sign not in _SIGNS[field]:
            raise self._refusal()
        if sign == ":":
            pattern = re.compile(".*".join(re.escape(part) for part in value.split("*")))
            return lambda job: pattern.fullmatch(job.get(field, "")) is not None
        right = self._moment(value) if field == "createTime" else value
        read = self._moment if field == "createTime" else str
        return lambda job: _COMPARE[sign](read(job.get(field, "")), right)

    def _label(self, key: str, sign: str, value: str) -> Test:
        if sign == ":" and value == "*":
            return lambda job: key in job.get("labels", {})
        if sign not in {"=", "!="}:
            raise self._refusal()
        return lambda job: (job.get("labels", {}).get(key) == value) is (sign == "=")

    def _moment(self, text: str) -> datetime:
        # Nanoseconds are more than a datetime holds.
        shortened = re.sub(r"(\.\d{6})\d+", r"\1", text)
        try:
            read = datetime.fromisoformat(shortened)
        except ValueError as error:
            raise self._refusal() from error
        if read.tzinfo is None:
            raise self._refusal()
        return read

    def _cut(self, text: str) -> list[str]:
        tokens, at = [], 0
        while text[at:].strip():
            match = _TOKEN.match(text, at)
            if match is None:
                raise self._refusal()
            quoted = match["text"]
            tokens.append(re.sub(r"\\(.)", r"\1", quoted[1:-1]) if quoted else match["sign"] or match["word"])
            at = match.end()
        return tokens

    def _take(self) -> str:
        if not self._tokens:
            raise self._refusal()
        return self._tokens.pop(0)

    def _take_if(self, wanted: str) -> bool:
        if self._tokens and self._tokens[0] == wanted:
            self._tokens.pop(0)
            return True
        return False

    def _refusal(self) -> Refusal:
        return Refusal(Reason.INVALID_VALUE, param="filter", problem=f"Invalid filter: {self._text}")
