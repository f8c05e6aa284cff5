"""The seam that every provider has, whatever its API looks like: what it does, and how it says no."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Protocol

from simulators.native.refusals import Reason, Refusal

Json = dict[str, Any]


class Manner(Protocol):
    """How one provider is called and answers."""

    @property
    def name(self) -> str:
        """What it goes by."""

    @property
    def verbs(self) -> Collection[str]:
        """What can be asked of it, as faults name it."""

    @property
    def reasons(self) -> Collection[Reason]:
        """Why it may say no."""

    def refusal(self, refusal: Refusal) -> tuple[int, Json]:
        """Say no: the HTTP status and the error envelope."""
