"""What callers ask for, checked as OpenAI checks it; what does not pass is refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulators.native.refusals import Reason, Refusal
from simulators.native.shapes import Facts

_MOST_PAIRS = 16
_LONGEST_KEY = 64
_LONGEST_VALUE = 512
_WINDOW = "24h"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOrder:
    """A checked `POST /batches`; `result_life` is in seconds."""

    input_file_id: str
    endpoint: str
    completion_window: str
    metadata: Mapping[str, str] | None
    result_life: float | None


def job_order(said: object, facts: Facts) -> JobOrder:
    """Check what a job is to be. Raises Refusal."""
    if not isinstance(said, dict):
        raise Refusal(Reason.BAD_REQUEST)
    return JobOrder(
        input_file_id=_required(said, "input_file_id"),
        endpoint=_one_of(facts.endpoints, _required(said, "endpoint"), "endpoint"),
        completion_window=_one_of((_WINDOW,), _required(said, "completion_window"), "completion_window"),
        metadata=_metadata(said.get("metadata")),
        result_life=life(said.get("output_expires_after"), facts, param="output_expires_after"),
    )


def life(said: object, facts: Facts, *, param: str) -> float | None:
    """Return how long a file is to live: what was asked for, or what is usual. Raises Refusal."""
    if said is None:
        return facts.usual_life
    if not isinstance(said, dict):
        raise Refusal(Reason.INVALID_TYPE, param=param, expected="an object")
    _one_of(("created_at",), str(said.get("anchor")), f"{param}.anchor")
    return float(_between(said.get("seconds"), f"{param}.seconds", facts.shortest_life, facts.longest_life))


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Which part of a list is asked for."""

    after: str | None
    limit: int
    newest_first: bool


def page(query: Mapping[str, str], *, usual: int, most: int) -> Page:
    """Check the query of a list. Raises Refusal."""
    order = _one_of(("asc", "desc"), query.get("order", "desc"), "order")
    limit = _between(query.get("limit", usual), "limit", 1, most)
    return Page(after=query.get("after"), limit=limit, newest_first=order == "desc")


def cut(ids: Sequence[str], page: Page, *, missing: Reason) -> tuple[Sequence[str], bool]:
    """Return which of the ids (oldest first) a page has, and whether there are more.

    Raises Refusal for an unknown `after`.
    """
    ordered = list(reversed(ids)) if page.newest_first else ids
    if page.after is not None:
        if page.after not in ordered:
            raise Refusal(missing, id=page.after)
        ordered = ordered[ordered.index(page.after) + 1 :]
    return ordered[: page.limit], len(ordered) > page.limit


def _required(said: Mapping[str, Any], param: str) -> str:
    value = said.get(param)
    if value is None:
        raise Refusal(Reason.MISSING_PARAMETER, param=param)
    if not isinstance(value, str):
        raise Refusal(Reason.INVALID_TYPE, param=param, expected="a string")
    return value


def _one_of(allowed: Sequence[str], value: str, param: str) -> str:
    if value not in allowed:
        quoted = [f"'{each}'" for each in allowed]
        supported = " and ".join([", ".join(quoted[:-1]), quoted[-1]] if len(quoted) > 1 else quoted)
        raise Refusal(Reason.INVALID_VALUE, param=param, value=value, supported=supported)
    return value


def _between(said: object, param: str, least: int, most: int) -> int:
    try:
        number = int(str(said))
    except ValueError as error:
        raise Refusal(Reason.INVALID_TYPE, param=param, expected="an integer") from error
    if not least <= number <= most:
        raise Refusal(Reason.OUT_OF_RANGE, param=param, value=str(number), least=f"{least}", most=f"{most}")
    return number


def _metadata(said: object) -> Mapping[str, str] | None:
    if said is None:
        return None
    if not isinstance(said, dict):
        raise Refusal(Reason.INVALID_TYPE, param="metadata", expected="an object")
    if len(said) > _MOST_PAIRS:
        raise Refusal(Reason.TOO_MANY_PAIRS, count=str(len(said)))
    for key, value in said.items():
        if not isinstance(value, str):
            raise Refusal(Reason.INVALID_TYPE, param=f"metadata.{key}", expected="a string")
        for text, most in ((key, _LONGEST_KEY), (value, _LONGEST_VALUE)):
            if len(text) > most:
                count, param = str(len(text)), f"metadata.{key[:_LONGEST_KEY]}"
                raise Refusal(Reason.STRING_TOO_LONG, param=param, most=str(most), count=count)
    return said
