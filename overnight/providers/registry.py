"""Which provider a deployment belongs to, and what it takes. A new one is a file, and two lines here."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace

from overnight.domain.deployment import BatchLane, Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import ProviderRefused
from overnight.providers.azure import AZURE_LIMITS, AzureProvider
from overnight.providers.openai import OPENAI_LIMITS, OpenAIProvider
from overnight.providers.protocol import Limits, Provider
from overnight.providers.vertex import VERTEX_LIMITS, VertexProvider
from overnight.providers.vertex_rows import endpoints_of_model

PROVIDERS: Mapping[str, Callable[[Deployment], Provider]] = {
    "openai": OpenAIProvider,
    "hosted_vllm": OpenAIProvider,
    "azure": AzureProvider,
    "vertex_ai": VertexProvider,
}


LIMITS: Mapping[str, Limits] = {
    "openai": OPENAI_LIMITS,
    "hosted_vllm": OPENAI_LIMITS,
    "azure": AZURE_LIMITS,
    "vertex_ai": VERTEX_LIMITS,
}


def model_of_job(deployment: Deployment) -> bool:
    """Tell whether it is the jobs of a deployment, and not their lines, that name the model."""
    limits = LIMITS.get(deployment.provider)
    return bool(limits and limits.model_of_job)


def endpoints_of(deployment: Deployment) -> frozenset[Endpoint]:
    """Return what a batch of this deployment can be for; where each line is sent, that is everything."""
    if deployment.lane is BatchLane.LINES:
        return frozenset(Endpoint)
    limits = LIMITS.get(deployment.provider)
    if limits is None:
        return frozenset()
    return endpoints_of_model(deployment.model) if limits.model_of_job else limits.endpoints


class Providers:
    """The providers of a worker process: one for each way to reach some, with connections that are kept."""

    def __init__(self) -> None:
        self._open: dict[Hashable, Provider] = {}

    def of(self, deployment: Deployment) -> Provider:
        """Return the deployment's provider. Raises ProviderRefused for one that has no batch API."""
        way = _way_to(deployment)
        if way not in self._open:
            self._open[way] = self._make(deployment)
        return self._open[way].serving(deployment)

    async def close(self) -> None:
        """Close the connections of all of them."""
        while self._open:
            _, provider = self._open.popitem()
            await provider.close()

    def _make(self, deployment: Deployment) -> Provider:
        make = PROVIDERS.get(deployment.provider)
        if make is None:
            raise ProviderRefused(f"{deployment.provider} has no batch API", code="no_batch_api")
        return make(deployment)


def _way_to(deployment: Deployment) -> Hashable:
    """Return what tells connections apart. It is bounded by the configuration: no model is in it."""
    if deployment.google is not None:
        return deployment.provider, deployment.api_base, deployment.google
    return replace(deployment, model="")
