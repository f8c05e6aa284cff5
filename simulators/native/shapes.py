"""The seam between what a provider with an API like OpenAI's does and how it says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import msgspec

from simulators.native.course import Snapshot, Status
from simulators.native.files import StoredFile
from simulators.native.jobs import Job
from simulators.native.manner import Json, Manner
from simulators.native.rules import Rules

VERBS = (
    "files.create",
    "files.list",
    "files.retrieve",
    "files.delete",
    "files.content",
    "batches.create",
    "batches.list",
    "batches.retrieve",
    "batches.cancel",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What sets a provider apart. Lives are in seconds; None is for ever.

    `bases` are the paths its API hangs under, `api_base` the one that a `deployment` in a config has.
    `window_expires`: jobs end with their window. `shallow_check`: an upload that does not begin like JSONL is
    refused. `always_both_files`: a job has an output and an error file, of zero bytes if need be.
    `tells_usage`: the job has the sum of its lines' usage. `input_may_be_missing`: a job whose file is not
    there is created and then fails.
    """

    bases: tuple[str, ...]
    api_base: str
    deployment: str
    endpoints: tuple[str, ...]
    window_expires: bool
    shallow_check: bool
    always_both_files: bool
    tells_usage: bool
    input_may_be_missing: bool
    shortest_life: int
    longest_life: int
    usual_life: float | None


class Shapes(Manner, Protocol):
    """How one provider's API looks. `dated`: asked in the older of two styles, where it has two."""

    facts: Facts

    def rules(self) -> Rules:
        """Return how the provider behaves as long as nobody says otherwise."""

    def knows(self, path: str, query: Mapping[str, str]) -> bool:
        """Tell whether a request says all that the provider needs to route it."""

    def is_dated(self, path: str) -> bool:
        """Tell the style of a request from its path."""

    def shown_keys(self, headers: Mapping[str, str]) -> str | None:
        """Return the key or token that a request shows."""

    def new_id(self, kind: str) -> str:
        """Make the id of a `file`, a `batch` or an `event`."""

    def upload_status(self, *, dated: bool) -> int:
        """Return the HTTP status of a successful upload."""

    def file(self, stored: StoredFile, *, now: float, dated: bool) -> Json:
        """Show a file."""

    def batch(self, job: Job, snapshot: Snapshot, *, dated: bool) -> Json:
        """Show a job."""

    def answered(
        self, custom_id: msgspec.Raw, request_id: str, *, status: int, body: Mapping[str, Any]
    ) -> Json:
        """Show the line of a request that got an answer, good or bad."""

    def unanswered(self, custom_id: msgspec.Raw, request_id: str, *, ended: Status | None) -> Json:
        """Show the line of a request that got none: its job `ended` so, or (None) it took too long."""

    def answer(self, body: Json) -> Json:
        """Return a model's answer with what this provider adds to it."""
