"""The ids that histories name deployments by: a running job is looked for where it was submitted, or nowhere.

- An entry with an id of its own (`model_info.id`) goes by that, wherever it moves, whatever stands beside it.
- One that is alone with its model name, provider and model goes by these: running batches follow it to
  another address.
- Several alike go by their accounts as well. So when one of them is removed, or they are put in another
  order, nobody asks one account for a job of another's. Keys are no part of it, as they are rotated; the
  place in the file counts among those of one account only.

Entries come and go while jobs run, so each is also known by what it would go by otherwise. Where that is its
place among those alike, it is right as long as new entries are put below.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from overnight.domain.deployment import Deployment
from overnight.domain.ids import deployment_id

_OWN = "model_info.id"


class Entry(NamedTuple):
    """An entry of `model_list`: its deployment, still without an id, and the id that it gives itself."""

    deployment: Deployment
    own_id: str | None


def kind_of(deployment: Deployment) -> tuple[str, str, str]:
    """Return what entries that are alike have in common."""
    return deployment.model_name, deployment.provider, deployment.model


def with_ids(entries: Sequence[Entry]) -> Iterator[Deployment]:
    """Yield the deployments of all entries with their ids."""
    alike = Counter(kind_of(entry.deployment) for entry in entries)
    seen: Counter[tuple[str, ...]] = Counter()
    for entry in entries:
        kind = kind_of(entry.deployment)
        account = *kind, *_account(entry.deployment)
        by_place, by_account = (deployment_id(*one, str(seen[one])) for one in (kind, account))
        seen.update([kind, account])
        usual = [by_place, by_account] if alike[kind] == 1 else [by_account, by_place]
        own = [] if entry.own_id is None else [deployment_id(_OWN, entry.own_id)]
        yield _named(entry.deployment, [*own, *usual])


def _named(deployment: Deployment, ids: Iterable[str]) -> Deployment:
    first, *others = ids
    return replace(deployment, id=first, other_ids=tuple(others))


def _account(deployment: Deployment) -> tuple[str, ...]:
    """Return what tells one account's jobs from another's."""
    google = deployment.google
    return (
        deployment.api_base,
        deployment.organization or "",
        deployment.project or "",
        google.project if google else "",
        google.location if google else "",
    )
