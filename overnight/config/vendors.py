"""The providers that can be named, and the environment variables that people already have for them."""

from collections.abc import Mapping
from typing import NamedTuple

OPENAI = "openai"
AZURE = "azure"
SELF_HOSTED = "hosted_vllm"
KNOWN = (OPENAI, AZURE, SELF_HOSTED)
NOT_YET = ("vertex_ai",)

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

NEEDED = {OPENAI: OPENAI_KEYS[0], AZURE: AZURE_BASES[0]}
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
