"""As whom a provider is asked: with a key, with a token, or as nobody; and where that was said."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from overnight.config.vendors import (
    AZURE_KEYS,
    AZURE_TOKENS,
    GOOGLE_CREDENTIALS,
    GOOGLE_DEFAULTS,
    OPENAI_KEYS,
    first_set,
)

ENTRA_ID = "Entra ID, as azure-identity's default credential"
ADC = "Google's application default credentials"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """A key or a token, or neither. `source` is for people, and quotes none of them."""

    key: str | None = field(default=None, repr=False)
    token: str | None = field(default=None, repr=False)
    source: str

    @property
    def is_entra_id(self) -> bool:
        """Whether a token has to be asked for, with each use."""
        return self.source == ENTRA_ID


def in_variable(name: str) -> str:
    """Say that something came from an environment variable."""
    return f"environment variable {name}"


def openai_credential(environ: Mapping[str, str]) -> Credential | None:
    """Return what the environment has for OpenAI itself; without a key it can't be asked."""
    key = first_set(environ, OPENAI_KEYS)
    return Credential(key=key.value, source=in_variable(key.name)) if key else None


def azure_credential(environ: Mapping[str, str]) -> Credential:
    """Return what the environment has for Azure: a key, or else a token, or else Entra ID."""
    if key := first_set(environ, AZURE_KEYS):
        return Credential(key=key.value, source=in_variable(key.name))
    if token := first_set(environ, AZURE_TOKENS):
        return Credential(token=token.value, source=in_variable(token.name))
    return Credential(source=ENTRA_ID)


def google_credential(environ: Mapping[str, str]) -> Credential:
    """Return what the environment has for Google: a file, or the JSON in it, or what its libraries find."""
    if given := first_set(environ, GOOGLE_CREDENTIALS):
        return Credential(key=given.value, source=in_variable(given.name))
    found = first_set(environ, GOOGLE_DEFAULTS)
    return Credential(source=in_variable(found.name) if found else ADC)
