"""Azure OpenAI's batch API: OpenAI's, with addresses, credentials and habits of its own.

Source: learn.microsoft.com/azure/ai-services/openai/how-to/batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import NotReadyYet, ProviderRefused
from overnight.domain.job import Job, Tag
from overnight.providers.asking import quoted
from overnight.providers.complaints import named
from overnight.providers.connection import Connection, Patience
from overnight.providers.openai import OPENAI_LIMITS, Dialect, OpenAIProvider
from overnight.providers.shapes import LOST_FILE, text_of

if TYPE_CHECKING:
    from overnight.providers.entra import EntraTokens

AZURE_LIMITS = replace(
    OPENAI_LIMITS,
    max_requests=100_000,
    endpoints=frozenset({Endpoint.CHAT_COMPLETIONS, Endpoint.RESPONSES}),
    # A job runs on after 24 hours, until it is done or cancelled.
    window=None,
)

# Without an expiry, a resource takes 500 files; with one, 10,000. Fourteen days are the fewest.
_EXPIRY_SECONDS = 14 * 86_400
_RESULTS_EXPIRE_SINCE = "2025-03-01"
"""The first dated version whose jobs take an expiry for their results."""

_TAKEN_IN = "processed"


class AzureProvider(OpenAIProvider):
    """One Azure OpenAI resource, in the v1 style of URLs or, with an `api_version`, in the dated one."""

    def __init__(self, deployment: Deployment, *, patience: Patience | None = None) -> None:
        self._identity = _Identity(deployment)
        connection = _connection(deployment, self._identity, patience)
        super().__init__(deployment, connection=connection, dialect=_dialect(deployment.api_version))

    async def submit(self, *, tag: Tag, file_id: str, endpoint: Endpoint) -> Job:
        """Create the job once its file is `processed`; before that, Azure would refuse it."""
        status = await self._file_status(file_id)
        if status in LOST_FILE:
            raise ProviderRefused(
                f"{self._asking.name} says the input file is '{status}'", code="input_file_lost"
            )
        if status != _TAKEN_IN:
            raise NotReadyYet(f"{self._asking.name} says the input file is still '{status}'")
        return await super().submit(tag=tag, file_id=file_id, endpoint=endpoint)

    async def close(self) -> None:
        """Close the connections, those to Entra ID too."""
        await self._identity.close()
        await super().close()

    async def _file_status(self, file_id: str) -> str:
        answer = await self._asking.call("GET", f"/files/{quoted(file_id)}")
        if answer.status == 404:
            raise NotReadyYet(f"{self._asking.name} does not show the input file yet", status=404)
        # Older versions leave the status of a file that is there null.
        return (text_of(self._asking.read(answer).get("status")) or _TAKEN_IN).lower()


class _Identity:
    """As whom a deployment is asked: with its key, with its token, or with what azure-identity finds."""

    def __init__(self, deployment: Deployment) -> None:
        self._deployment = deployment
        self._entra: EntraTokens | None = None

    async def headers(self) -> Mapping[str, str]:
        if self._deployment.api_key:
            return {"api-key": self._deployment.api_key}
        return {"Authorization": f"Bearer {self._deployment.ad_token or await self._entra_token()}"}

    async def close(self) -> None:
        if self._entra is not None:
            await self._entra.close()

    async def _entra_token(self) -> str:
        if self._entra is None:
            from overnight.providers.entra import EntraTokens  # noqa: PLC0415 - slow, and seldom needed

            self._entra = EntraTokens(name=named(self._deployment))
        return await self._entra.token()


def _connection(deployment: Deployment, identity: _Identity, patience: Patience | None) -> Connection:
    version = deployment.api_version
    return Connection(
        name=named(deployment),
        provider=deployment.provider,
        base=f"{deployment.api_base}/openai" if version else f"{deployment.api_base}/openai/v1",
        query={"api-version": version} if version else {},
        credentials=identity.headers,
        patience=patience,
    )


def _dialect(version: str | None) -> Dialect:
    expiry = {"expires_after[anchor]": "created_at", "expires_after[seconds]": str(_EXPIRY_SECONDS)}
    results_expire = version is None or version >= _RESULTS_EXPIRE_SINCE
    results = {"output_expires_after": {"anchor": "created_at", "seconds": _EXPIRY_SECONDS}}
    return Dialect(limits=AZURE_LIMITS, upload=expiry, job=results if results_expire else {})
