"""A batch job as OpenAI's API has it: made of an uploaded file, ending in two more."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.native.course import Course
from simulators.native.faults import Fate


@dataclass(slots=True, kw_only=True)
class Job(Course[Fate]):
    """One job; `window` is None where none expires, `tokens` and `model` are what its input asks for.

    `token_limit` is how many tokens could be enqueued when it was created.
    """

    endpoint: str
    input_file_id: str
    completion_window: str
    window: float | None
    metadata: Mapping[str, str] | None
    result_life: float | None
    tokens: int
    token_limit: int | None
    model: str | None
    output_file_id: str | None = None
    error_file_id: str | None = None
    usage: Mapping[str, Any] | None = None

    def _window_ends(self) -> float:
        return math.inf if self.window is None else self.created_at + self.window
