"""Where an Azure OpenAI resource is, and which of the two styles its URLs have."""

from collections.abc import Mapping
from typing import NamedTuple

from overnight.config.vendors import AZURE_VERSIONS, value_of

_API = "/openai"
_V1 = "/openai/v1"
_DEPLOYMENTS = "/openai/deployments/"

_V1_VERSIONS = frozenset({"v1", "latest", "preview"})
"""What LiteLLM takes as an `api_version` that asks for URLs without one."""


class AzureAddress(NamedTuple):
    """A resource's base URL, as in `https://res.openai.azure.com`, and whether it was written as v1's."""

    base: str
    is_v1: bool

    def version(self, given: str | None, *, environ: Mapping[str, str]) -> str | None:
        """Return the API's version: `given`, or else the usual one; None is v1.

        An address that was written as v1's is not changed by the usual version, which is for all of them.
        """
        chosen = given or (None if self.is_v1 else value_of(environ, AZURE_VERSIONS))
        return None if chosen in _V1_VERSIONS else chosen


def azure_address(base: str) -> AzureAddress:
    """Return the resource that `base` is the URL of, however much of its API's path was written too."""
    path = base.rstrip("/").partition(_DEPLOYMENTS)[0]
    return AzureAddress(path.removesuffix(_V1).removesuffix(_API), path.endswith(_V1))
