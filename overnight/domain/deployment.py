"""A deployment: one place a model runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from overnight.domain.price import Price

ANY_MODEL = "*"
"""As a deployment's `model_name`: it serves every name that no other deployment has. As its `model`: a line's
own `body.model` goes to the provider as it is."""

DEFAULT_PARALLEL_REQUESTS = 64
DEFAULT_LINE_TIMEOUT = timedelta(minutes=10)


class BatchLane(StrEnum):
    """How a shard is run: by the provider's own batch API, or by sending each line ourselves."""

    NATIVE = "native"
    LINES = "lines"


@dataclass(frozen=True, slots=True, kw_only=True)
class GooglePlace:
    """Where a model of Vertex AI's runs, and the bucket that its jobs' rows go through.

    `prefix` is empty or ends with a slash. `credentials` is the path of a file or the JSON in it, or
    `anonymous`; None is for Google's own libraries to find.
    """

    project: str
    location: str
    bucket: str
    prefix: str = ""
    credentials: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployment:
    """One entry of `model_list`, checked. A key or token never leaves this object but for the provider.

    `id` is what a history names it by, so it is stable across restarts (`overnight/config/identity.py` says
    of what it is made), and `other_ids` are those that histories may name it by from when other entries stood
    beside it, or it had no id of its own. An endpoint's path goes behind `api_base`; at Azure that is the
    resource alone, and `api_version` the version to ask for, None meaning its v1 API. `ad_token` is an Entra
    ID token; an Azure deployment with neither key nor token has to ask Entra ID for one. `key_source` says
    where the key or token came from, in words for an error. `organization` and `project` are OpenAI's. In
    the line lane, `max_parallel_requests` bounds requests in flight, `rpm` and `tpm` requests and tokens a
    minute, None meaning no bound. `google` is where it is at Vertex AI. `list_lag` is how long a job may
    exist before a listing shows it, where that is not as usual at the provider. `price` is what its operator
    has declared, `tier_prices` the same for answers of a service tier, and `base_model` what a price list
    calls its model.
    """

    id: str
    model_name: str
    provider: str
    model: str
    api_base: str
    api_key: str | None = field(default=None, repr=False)
    ad_token: str | None = field(default=None, repr=False)
    key_source: str = "the configuration"
    api_version: str | None = None
    organization: str | None = None
    project: str | None = None
    lane: BatchLane = BatchLane.LINES
    timeout: timedelta = DEFAULT_LINE_TIMEOUT
    max_parallel_requests: int = DEFAULT_PARALLEL_REQUESTS
    rpm: int | None = None
    tpm: int | None = None
    list_lag: timedelta | None = None
    google: GooglePlace | None = None
    price: Price | None = field(default=None, hash=False)
    tier_prices: Mapping[str, Price] = field(default_factory=dict, hash=False)
    base_model: str | None = None
    other_ids: tuple[str, ...] = ()

    @property
    def ids(self) -> tuple[str, ...]:
        """All ids that a history may name it by, the one that new batches get first."""
        return self.id, *self.other_ids

    def serving(self, default_model: str | None) -> "Deployment":
        """Return it as it serves lines that may name no model, and are for `default_model` then.

        One that has a model of its own puts that into every line anyway. None: all lines name one.
        """
        if default_model is None or self.model != ANY_MODEL:
            return self
        return replace(self, model=default_model)
