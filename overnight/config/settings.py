"""What the rest of the program is told: deployments, and where bytes and rows live."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from overnight.config.vendors import KNOWN, NEEDED, listed
from overnight.domain.deployment import ANY_MODEL, BatchLane, Deployment
from overnight.domain.errors import UnknownDeployment
from overnight.events.settings import RemoteSettings
from overnight.storage.settings import StorageSettings
from overnight.webhooks.addresses import AllowedHosts


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything an operator can decide. `warnings` are for people, one sentence or two each.

    `provider_calls_per_second` bounds the steps begun at one provider by all workers together, None meaning
    no bound. `from_environment` are deployments for any model, at most one a provider. They serve batches
    that name their provider; the first serves all others too when `deployments` is empty, and none when it is
    not, so that a name the operator does not list is nobody's. `webhook_hosts` are what clients' webhooks may
    go to beside the internet. `sinks` are those that can be down, by their names; the log is told of events
    beside them, or not.
    """

    deployments: tuple[Deployment, ...]
    from_environment: tuple[Deployment, ...] = ()
    default_model: str | None
    storage: StorageSettings
    redirect_downloads: bool = False
    database_url: str = field(repr=False)
    master_key: str | None = field(repr=False)
    openai_webhook_secret: str | None = field(default=None, repr=False)
    webhook_hosts: AllowedHosts = field(default_factory=AllowedHosts)
    metrics_open: bool = False
    worker_metrics_port: int | None = None
    poll_initial: timedelta
    poll_max: timedelta
    provider_calls_per_second: float | None = None
    logs_events: bool = True
    sinks: Mapping[str, RemoteSettings] = field(default_factory=dict)
    data_dir: Path
    warnings: tuple[str, ...] = ()

    @property
    def all_deployments(self) -> tuple[Deployment, ...]:
        """Those of the file, and those that the environment makes."""
        return (*self.deployments, *self.from_environment)

    @property
    def models(self) -> tuple[str, ...]:
        """The names clients may put in `body.model`, as configured; a `*` is not a name."""
        names = dict.fromkeys(deployment.model_name for deployment in self.deployments)
        return tuple(name for name in names if name != ANY_MODEL)

    @property
    def providers(self) -> tuple[str, ...]:
        """The providers whose own batch API some deployment is run by."""
        native = (each.provider for each in self.all_deployments if each.lane is BatchLane.NATIVE)
        return tuple(dict.fromkeys(native))

    def deployments_for(self, model: str, provider: str | None = None) -> tuple[Deployment, ...]:
        """Return the deployments of `model`: those of that name, or else those of any name; or none.

        With a `provider`, only its deployments count: those of that name, or else those that run a model
        of that name under another, or else those of any name, the environment's last.
        """
        if provider is None:
            spare = self.deployments or self.from_environment[:1]
            return _named(self.deployments, model) or _named(spare, ANY_MODEL)
        listed = tuple(each for each in self.deployments if each.provider == provider)
        usual = tuple(each for each in self.from_environment if each.provider == provider)
        running = tuple(each for each in listed if each.model == model)
        return _named(listed, model) or running or _named(listed, ANY_MODEL) or usual

    def why_none_for(self, model: str, provider: str | None = None) -> str:
        """Say why `deployments_for` returns none, in a sentence for the client."""
        if provider is None:
            return f"The provided model '{model}' is not supported by the Batch API."
        nobody = f"No deployment at {provider} serves the model '{model}': {_none_anywhere(provider)}."
        return _why_unknown(provider) or nobody

    def why_none_at(self, provider: str) -> str | None:
        """Say why no batch can be for `provider`, in a sentence for the client; None where some can."""
        if any(each.provider == provider for each in self.all_deployments):
            return None
        return _why_unknown(provider) or f"There is no deployment at {provider}: {_none_anywhere(provider)}."

    def deployment(self, deployment_id: str) -> Deployment:
        """Return the deployment a workflow has named. Raises UnknownDeployment."""
        for each in self.all_deployments:
            if deployment_id in each.ids:
                return each
        raise UnknownDeployment(deployment_id)


def _named(deployments: tuple[Deployment, ...], name: str) -> tuple[Deployment, ...]:
    return tuple(each for each in deployments if each.model_name == name)


def _why_unknown(provider: str) -> str | None:
    if provider not in KNOWN:
        return f"Nobody knows the provider '{provider}'; this version runs {listed(KNOWN)} models."
    return None


def _none_anywhere(provider: str) -> str:
    variable = NEEDED.get(provider)
    return "model_list has none" + (f", and the environment has no usable {variable}" if variable else "")
