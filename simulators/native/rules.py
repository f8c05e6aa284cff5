"""How a simulated provider behaves while nothing is wrong: its timings, its limits, the keys it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class JobRules:
    """What holds for any provider's jobs. Seconds are of its clock; None means that there is no such limit.

    `key` is what callers must show (any will do while it is None), `models` are those it serves. A cancel
    changes nothing for `unheeded_seconds`; from then on the job is cancelling.
    """

    key: str | None = None
    models: tuple[str, ...] | None = None
    validating_seconds: float = 1.0
    seconds: float = 10.0
    finalizing_seconds: float = 1.0
    unheeded_seconds: float = 0.0
    cancelling_seconds: float = 2.0
    max_lines: int = 50_000

    def changed(self, said: Mapping[str, Any]) -> Self:
        """Return the rules with some changed, as `POST /_simulator/rules` has it. Raises ValueError."""
        unknown = set(said) - {field.name for field in fields(self)}
        if unknown:
            raise ValueError(f"there is no rule {sorted(unknown)}")
        self._check(said)
        models = said.get("models", self.models)
        return replace(self, **{**said, "models": None if models is None else tuple(models)})

    def _check(self, said: Mapping[str, Any]) -> None:
        """Refuse a value that means nothing. Raises ValueError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules(JobRules):
    """What holds where jobs are made of uploaded files. Sizes are in bytes.

    `token` is taken as well as `key`. `enqueued_tokens` is how many a model may have in jobs that have not
    ended, and `over_enqueued` what happens above it: `late` fails the job after validation, `400` and `429`
    refuse it at once.
    """

    token: str | None = None
    file_pending_seconds: float = 0.0
    max_file_bytes: int = 200 * 2**20
    max_files: int | None = None
    max_expiring_files: int | None = None
    max_stored_bytes: int | None = None
    creates_an_hour: int | None = None
    uploads_a_minute: int | None = None
    enqueued_tokens: int | None = None
    over_enqueued: str = "late"
    webhook_url: str | None = None
    webhook_secret: str | None = None

    def _check(self, said: Mapping[str, Any]) -> None:
        if said.get("over_enqueued", "late") not in {"late", "400", "429"}:
            raise ValueError("over_enqueued is late, 400 or 429")
