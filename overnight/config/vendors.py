"""The providers that can be named, and the environment variables that people already have for them."""

from collections.abc import Mapping
from typing import NamedTuple

OPENAI = "openai"
AZURE = "azure"
VERTEX = "vertex_ai"
SELF_HOSTED = "hosted_vllm"
KNOWN = (OPENAI, AZURE, VERTEX, SELF_HOSTED)
BATCHES_ONLY = (AZURE, VERTEX)
"""Those that are asked through their own batch API, and in no other way."""

OPENAI_BASE = "https://api.openai.com/v1"

# Where there are several, the first one set counts: the later ones are what others' tools call it.
OPENAI_KEYS = ("OPENAI_API_KEY",)
OPENAI_ORGANIZATIONS = ("OPENAI_ORGANIZATION", "OPENAI_ORG_ID")
OPENAI_PROJECTS = ("OPENAI_PROJECT", "OPENAI_PROJECT_ID")
OPENAI_WEBHOOK_SECRETS = ("OPENAI_WEBHOOK_SECRET",)
AZURE_BASES = ("AZURE_API_BASE",)
AZURE_KEYS = ("AZURE_API_KEY", "AZURE_OPENAI_API_KEY")
AZURE_TOKENS = ("AZURE_AD_TOKEN",)
AZURE_VERSIONS = ("AZURE_API_VERSION",)
GOOGLE_PROJECTS = ("VERTEXAI_PROJECT", "VERTEX_PROJECT", "GOOGLE_CLOUD_PROJECT")
GOOGLE_LOCATIONS = ("VERTEXAI_LOCATION", "VERTEX_LOCATION", "GOOGLE_CLOUD_LOCATION")
GOOGLE_BUCKETS = ("GCS_BATCH_BUCKET_NAME", "GCS_BUCKET_NAME")
GOOGLE_CREDENTIALS = ("VERTEXAI_CREDENTIALS",)
GOOGLE_DEFAULTS = ("GOOGLE_APPLICATION_CREDENTIALS",)
"""Read by Google's own libraries; named here to say where an account came from."""

NEEDED = {OPENAI: OPENAI_KEYS[0], AZURE: AZURE_BASES[0], VERTEX: GOOGLE_PROJECTS[0]}
"""The variable without which the environment alone makes no deployment of a provider."""


class Variable(NamedTuple):
    """An environment variable that is set."""

    name: str
    value: str


def first_set(environ: Mapping[str, str], names: tuple[str, ...]) -> Variable | None:
    """Return the first of these variables that is set, and not to nothing."""
    return next((Variable(name, environ[name]) for name in names if environ.get(name)), None)


def value_of(environ: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    """Return the value of the first of these variables that is set."""
    variable = first_set(environ, names)
    return variable.value if variable else None


def listed(providers: tuple[str, ...]) -> str:
    """Write providers as in `openai/, azure/ and hosted_vllm/`."""
    *most, last = (f"{provider}/" for provider in providers)
    return f"{', '.join(most)} and {last}"
