"""How the simulated Vertex AI behaves while nothing is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.native.rules import JobRules

_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class VertexRules(JobRules):
    """Limits and windows as documented; `max_lines` only tightens those of the models.

    `max_jobs` and `max_claude_jobs` may be under way at once in a project's location. A job waits
    `queue_seconds` to begin, then it has `run_seconds`. A token that was issued here is taken for
    `token_seconds` of our time, and `token_said_seconds` is how long it is said to be (None: the truth).
    With `keeps_key_field` embedding rows tell the value of `instanceConfig.keyField`, as documented; without
    it only what the model took, as observed. `imports_strictly`: rows must fit into one table, as they do
    where Vertex imports them.
    """

    max_lines: int = 1_000_000
    max_input_bytes: int = 2**30
    max_jobs: int | None = None
    max_claude_jobs: int | None = 4
    creates_a_minute: int | None = None
    queue_seconds: float = 72 * _HOUR
    run_seconds: float = 24 * _HOUR
    token_seconds: float = _HOUR
    token_said_seconds: int | None = None
    keeps_key_field: bool = False
    imports_strictly: bool = True

    def _check(self, said: Mapping[str, Any]) -> None:
        if said.get("token_seconds", 0) < 0:
            raise ValueError("token_seconds can't be negative")
