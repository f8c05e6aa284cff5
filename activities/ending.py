"""A batch that has ended is counted: once, by whoever has written that it has."""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime

from overnight.config import Settings
from overnight.domain.account import Account
from overnight.domain.batch import BatchChange
from overnight.telemetry import metrics
from overnight.telemetry.labels import UNKNOWN, model_label


class EndMeter:
    """Counts batches, and what those that were delivered came to. Without settings it knows no provider."""

    def __init__(self, settings: Settings | None = None) -> None:
        deployments = settings.all_deployments if settings else ()
        self._providers: Mapping[str, str] = {
            known_as: each.provider for each in deployments for known_as in each.ids
        }

    def count(self, change: BatchChange, *, created_at: datetime) -> None:
        """Count a batch that ends with this change."""
        provider = self._provider_of(change)
        metrics.BATCHES_FINISHED.labels(change.status.value, provider).inc()
        for stage, seconds in _stages(change, created_at):
            metrics.STAGE_SECONDS.labels(stage).observe(max(seconds, 0))
        if not change.status.delivered:
            return
        failed = metrics.LINES.labels(provider, model_label(change.model), "failed")
        failed.inc(change.counts.failed)
        if change.account is None:
            completed = metrics.LINES.labels(provider, model_label(change.model), "completed")
            completed.inc(change.counts.completed)
        else:
            _count_answers(change.account)

    def _provider_of(self, change: BatchChange) -> str:
        """Return the provider that has answered most of it, or else the first that it was for."""
        answered: Counter[str] = Counter()
        for entry in change.account.entries if change.account else ():
            # A provider has an entry for each of its models and prices.
            if entry.provider:
                answered[entry.provider] += entry.lines
        if answered:
            return max(answered, key=answered.__getitem__)
        known = (self._providers[each] for each in change.deployments if each in self._providers)
        return next(known, UNKNOWN)


def _count_answers(account: Account) -> None:
    for entry in account.entries:
        labels = entry.provider or UNKNOWN, model_label(entry.model)
        metrics.LINES.labels(*labels, "completed").inc(entry.lines)
        for kind, tokens in entry.usage.by_kind().items():
            metrics.TOKENS.labels(*labels, kind.value).inc(tokens)
        if entry.cost is None:
            metrics.UNPRICED_LINES.labels(*labels).inc(entry.lines)
        else:
            metrics.COST.labels(*labels).inc(float(entry.cost))


def _stages(change: BatchChange, created_at: datetime) -> Iterator[tuple[str, float]]:
    """Yield the stages that the batch has been in, each with its seconds."""
    stamps = change.stamps
    ended_at: datetime | None = getattr(stamps, f"{change.status.value}_at")
    if ended_at is None:
        return
    reached = {
        "validating": created_at,
        "in_progress": stamps.in_progress_at,
        "finalizing": stamps.finalizing_at,
        "cancelling": stamps.cancelling_at,
    }
    begun = sorted((at, stage) for stage, at in reached.items() if at is not None)
    ends = [*(at for at, _ in begun[1:]), ended_at]
    for (at, stage), end in zip(begun, ends, strict=True):
        yield stage, (end - at).total_seconds()
    yield "total", (ended_at - created_at).total_seconds()
