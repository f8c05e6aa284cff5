"""What a simulated endpoint can be told to do wrong, and how often."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Any


class FaultKind(StrEnum):
    """The ways an endpoint can fail, or only be odd (`pretty`, `delay`, `chunked`)."""

    STATUS = "status"
    HTML = "html"
    HALF_JSON = "half_json"
    PRETTY = "pretty"
    CHUNKED = "chunked"
    DROP = "drop"
    DROP_MIDWAY = "drop_midway"
    HANG = "hang"
    DELAY = "delay"
    REDIRECT = "redirect"
    LARGE = "large"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One fault, on the first `times` tries of a request (None: on all of them).

    It happens after `seconds`. `status` goes with STATUS, which sends an OpenAI error envelope, and with
    HTML, which sends a page; `retry_after` is seconds or an HTTP date, as the header says it; `bytes` goes
    with LARGE.
    """

    kind: FaultKind
    times: int | None = None
    status: int = 500
    retry_after: str | None = None
    seconds: float = 0.0
    bytes: int = 0

    @classmethod
    def from_json(cls, said: Mapping[str, Any]) -> Fault:
        """Read a fault as `POST /_faults` and a request's marker have it. Raises ValueError."""
        unknown = set(said) - {field.name for field in fields(cls)}
        if unknown:
            raise ValueError(f"a fault has no {sorted(unknown)}")
        return cls(**{**said, "kind": FaultKind(said.get("kind", "status"))})


def marked_fault(request: Mapping[str, Any]) -> Fault | None:
    """Return the fault that a request asks for itself, as JSON under `metadata.fault`."""
    metadata = request.get("metadata")
    marker = metadata.get("fault") if isinstance(metadata, dict) else None
    return Fault.from_json(json.loads(marker)) if isinstance(marker, str) else None


class FaultPlan:
    """The faults of one endpoint: the one for everybody, and those that single requests ask for."""

    def __init__(self, for_all: Fault | None = None) -> None:
        self._for_all = for_all
        self._suffered: Counter[str] = Counter()

    def set(self, for_all: Fault | None) -> None:
        """Let every request have this fault from now on; `times` counts over all of them together."""
        self._for_all = for_all
        self._suffered["*"] = 0

    def next(self, request: Mapping[str, Any], *, identity: str) -> Fault | None:
        """Return what goes wrong with this arrival of the request whose body hashes to `identity`."""
        return self._spend(self._for_all, "*") or self._spend(marked_fault(request), identity)

    def _spend(self, fault: Fault | None, whose: str) -> Fault | None:
        if fault is None or (fault.times is not None and self._suffered[whose] >= fault.times):
            return None
        self._suffered[whose] += 1
        return fault
