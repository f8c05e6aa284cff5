"""The buckets that jobs' rows go through, tried out before a batch needs them."""

from collections.abc import Iterable
from dataclasses import dataclass

from overnight.domain.deployment import Deployment
from overnight.storage.opening import problem_with
from overnight.storage.settings import GcsSettings


@dataclass(frozen=True, slots=True)
class RowsBucket:
    """A corner of a bucket as one account sees it, and the deployments whose rows go through it."""

    settings: GcsSettings
    deployments: tuple[Deployment, ...]

    async def problem(self) -> str | None:
        """Say why it can't be used, if so."""
        return await problem_with(self.settings)


def rows_buckets(deployments: Iterable[Deployment]) -> tuple[RowsBucket, ...]:
    """Return the buckets of these deployments, each once; most providers need none."""
    found: dict[GcsSettings, list[Deployment]] = {}
    for each in deployments:
        if place := each.google:
            settings = GcsSettings(bucket=place.bucket, prefix=place.prefix, credentials=place.credentials)
            found.setdefault(settings, []).append(each)
    return tuple(RowsBucket(settings, tuple(users)) for settings, users in found.items())
