"""Labels that come from outside, made few: a model may be called anything, an error is of some kind."""

from collections.abc import Mapping

from overnight.domain.errors import (
    JobNotFound,
    NoPlace,
    NotReadyYet,
    ProviderError,
    ProviderRefused,
    SubmissionUnclear,
)

MOST_MODELS = 200
"""Every name a time series of its own, in every metric that has it; clients may name any where `*` serves."""

OTHER = "other"
UNKNOWN = "unknown"

_LONGEST = 100
_KINDS: Mapping[type[ProviderError], str] = {
    SubmissionUnclear: "unclear",
    NotReadyYet: "not_ready",
    NoPlace: "no_place",
    JobNotFound: "not_found",
}
_KEY_REFUSED = (401, 403)
_RATE_LIMITED = 429


class ModelLabels:
    """The first names there are, as they are; whatever comes after so many of them is `other`."""

    def __init__(self, most: int = MOST_MODELS) -> None:
        self._most = most
        self._known: set[str] = set()

    def __call__(self, model: str | None) -> str:
        """Return the label of a model."""
        name = (model or UNKNOWN)[:_LONGEST]
        if name not in self._known:
            if len(self._known) >= self._most:
                return OTHER
            self._known.add(name)
        return name


model_label = ModelLabels()
"""This process's."""


def error_kind(error: ProviderError) -> str:
    """Return what kind of thing a provider did not do."""
    for kind, name in _KINDS.items():
        if isinstance(error, kind):
            return name
    if error.status in _KEY_REFUSED:
        return "key_refused"
    if isinstance(error, ProviderRefused):
        return "refused"
    if error.status is None:
        return "unreachable"
    return "rate_limited" if error.status == _RATE_LIMITED else "unavailable"
