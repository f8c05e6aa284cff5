"""The provider's quotas: what it refuses although nothing is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable

from simulators.native.files import StoredFile
from simulators.native.jobs import Job
from simulators.native.meter import Meter
from simulators.native.refusals import Reason, Refusal
from simulators.native.rules import Rules

_MINUTE = 60.0
_HOUR = 3600.0


class Limits:
    """What has been used of the quotas that are per hour or per minute, by the provider's clock."""

    def __init__(self) -> None:
        self._creates = Meter(_HOUR)
        self._uploads = Meter(_MINUTE)

    def check_upload(self, rules: Rules, files: Iterable[StoredFile], *, now: float, expires: bool) -> None:
        """Count an upload. Raises Refusal when the quota of uploads, files or bytes is used up."""
        self._uploads.count(rules.uploads_a_minute, now=now)
        present = list(files)
        alike = sum((stored.expires_at is not None) == expires for stored in present)
        most = rules.max_expiring_files if expires else rules.max_files
        if most is not None and alike >= most:
            raise Refusal(Reason.STORAGE_QUOTA, most=str(most), which="with" if expires else "without")
        held = sum(stored.size or 0 for stored in present)
        if rules.max_stored_bytes is not None and held >= rules.max_stored_bytes:
            raise Refusal(Reason.STORAGE_QUOTA, most=str(rules.max_stored_bytes), which="with and without")

    def check_create(self, rules: Rules, *, now: float) -> None:
        """Count a created job. Raises Refusal when there were too many in the last hour."""
        self._creates.count(rules.creates_an_hour, now=now)


def is_over_enqueued(rules: Rules, open_jobs: Iterable[Job], *, model: str | None, tokens: int) -> bool:
    """Tell whether a job of so many tokens would be too much, and refuse it if that is told at once.

    Raises Refusal under the rules `400` and `429`; under `late` the job is created, only to fail.
    """
    if rules.enqueued_tokens is None:
        return False
    enqueued = sum(job.tokens for job in open_jobs if job.model == model and not job.problems)
    if enqueued + tokens <= rules.enqueued_tokens:
        return False
    if rules.over_enqueued != "late":
        limit = f"{rules.enqueued_tokens:,}"
        raise Refusal(Reason.TOKEN_LIMIT, status=int(rules.over_enqueued), subject=f"{model}", limit=limit)
    return True
