"""The names that OpenTelemetry's conventions for generative AI have for things.

Source: open-telemetry/semantic-conventions-genai. They are still being developed, so those that are used are
written down here and taken from no package.
"""

from overnight.domain.endpoint import Endpoint
from overnight.domain.usage import Usage
from overnight.telemetry.tracing import Attributes

PROVIDER = "gen_ai.provider.name"
OPERATION = "gen_ai.operation.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"

BATCH = "batch"
"""A call to a provider's batch API. The conventions have no name for that, and allow others."""

_PROVIDERS = {"azure": "azure.ai.openai", "vertex_ai": "gcp.vertex_ai"}
_OPERATIONS = {
    Endpoint.CHAT_COMPLETIONS: "chat",
    Endpoint.RESPONSES: "chat",
    Endpoint.COMPLETIONS: "text_completion",
    Endpoint.EMBEDDINGS: "embeddings",
}


def provider_name(provider: str) -> str:
    """Return what the conventions call a provider; one that they don't know is called as it is here."""
    return _PROVIDERS.get(provider, provider)


def operation_name(endpoint: Endpoint) -> str:
    """Return what the conventions call the requests of an endpoint."""
    return _OPERATIONS.get(endpoint, endpoint.value.removeprefix("/v1/").replace("/", "_"))


def usage_attributes(usage: Usage) -> Attributes:
    """Return the attributes that tell tokens."""
    return {INPUT_TOKENS: usage.input, OUTPUT_TOKENS: usage.output}
