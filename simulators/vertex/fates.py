"""What can go wrong with a job at Vertex AI, beside what goes wrong everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulators.native.faults import Fate
from simulators.vertex.words import FINDINGS

_ERROR = {"code", "message"}


@dataclass(frozen=True, slots=True, kw_only=True)
class VertexFate(Fate):
    """A job fails before it runs with an `error` of one's own: {"code": 9, "message": …}.

    Where it is stuck it says that it is `paused`. `partial` ends it as partially succeeded. Its rows come in
    `output_files` files, of which the last is empty if there are several; with `errors_file` those that
    failed are in one of their own. `incremental` leaves beside them the folder of what was exported while
    it ran. `outruns_cancel`: it succeeds although it was cancelled.
    """

    error: Mapping[str, Any] | None = None
    paused: bool = False
    partial: bool = False
    output_files: int = 1
    errors_file: bool = False
    incremental: bool = False
    outruns_cancel: bool = False

    def __post_init__(self) -> None:
        if self.problem is not None and self.problem not in FINDINGS:
            raise ValueError(f"Vertex AI never finds {self.problem}")
        if self.error is not None and set(self.error) != _ERROR:
            raise ValueError("an error has a code and a message")
        if self.output_files < 1:
            raise ValueError("there is at least one file")
