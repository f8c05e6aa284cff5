"""Tokens of Entra ID for Azure OpenAI, from wherever azure-identity finds a credential.

That is the environment, a workload or managed identity, or who is logged in to Azure's command line.
Importing this file takes a third of a second, which is why only those who need it do.
"""

import time

from azure.core.credentials import AccessToken
from azure.core.exceptions import AzureError, ClientAuthenticationError
from azure.identity.aio import DefaultAzureCredential

from overnight.domain.errors import ProviderRefused, ProviderUnavailable

_SCOPE = "https://cognitiveservices.azure.com/.default"
_FRESH_SECONDS = 300
"""A token that ends sooner than this is replaced."""


class EntraTokens:
    """The token of the moment for the deployment that messages call `name`."""

    def __init__(self, *, name: str) -> None:
        self._name = name
        self._credential = DefaultAzureCredential()
        # Not every credential keeps its token: the one of Azure's command line starts it every time.
        self._token: AccessToken | None = None

    async def token(self) -> str:
        """Return a token that is good for some minutes at least.

        Raises ProviderRefused when there is no credential, ProviderUnavailable when Entra ID can't be asked.
        """
        if self._token is None or self._token.expires_on < time.time() + _FRESH_SECONDS:
            self._token = await self._ask()
        return self._token.token

    async def close(self) -> None:
        """Close the connections."""
        await self._credential.close()

    async def _ask(self) -> AccessToken:
        # azure-identity's messages name tenants and accounts, so they are not passed on.
        try:
            return await self._credential.get_token(_SCOPE)
        except ClientAuthenticationError:
            # Raised, too, when an identity that has given tokens before has a bad moment.
            if self._token is not None:
                raise ProviderUnavailable(f"{self._name} gets no new token from Entra ID") from None
            message = f"{self._name} has neither key nor token, and azure-identity gets none from Entra ID"
            raise ProviderRefused(message, code="no_credentials") from None
        except AzureError:
            raise ProviderUnavailable(f"{self._name} can't ask Entra ID for a token") from None
