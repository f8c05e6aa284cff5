"""Tokens of Google's for Vertex AI: from a service account, from federation, or from where google-auth looks.

Without any it looks where every tool of Google's does: GOOGLE_APPLICATION_CREDENTIALS, whoever is logged in
to gcloud, the machine's own account. Importing this file takes its time, so only those who need it do.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from google.auth.credentials import Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request

from overnight.domain.errors import ProviderRefused, ProviderUnavailable
from overnight.storage.google_accounts import load_credentials

P = ParamSpec("P")
T = TypeVar("T")

_SCOPE = "https://www.googleapis.com/auth/cloud-platform"
_FRESH = timedelta(minutes=5)
"""A token that ends sooner than this is replaced."""


class GoogleTokens:
    """The token of the moment for the deployment that messages call `name`.

    `credentials` is the path of a file, or the JSON that would be in it; None is for google-auth to find.
    """

    def __init__(self, credentials: str | None, *, name: str) -> None:
        self._given = credentials
        self._name = name
        self._credentials: Credentials | None = None
        self._asking = asyncio.Lock()
        self._had_one = False

    async def token(self) -> str:
        """Return a token that is good for some minutes at least.

        Raises ProviderRefused when there are no credentials, ProviderUnavailable when Google can't be asked.
        """
        async with self._asking:
            # A call that is refused meanwhile may have these forgotten.
            credentials = self._credentials
            if credentials is None:
                credentials = await self._in_thread(load_credentials, self._given, scope=_SCOPE)
                self._credentials = credentials
            if not _is_fresh(credentials):
                await self._in_thread(_refresh, credentials)
                self._had_one = True
            return str(credentials.token)

    def forget(self) -> None:
        """Ask for a new token next time: the one there is was not accepted."""
        self._credentials = None

    async def _in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        # google-auth's messages quote paths, accounts and answers, so they are not passed on.
        try:
            return await asyncio.to_thread(work, *args, **kwargs)
        except (DefaultCredentialsError, OSError, ValueError) as error:
            if self._given is None and isinstance(error, DefaultCredentialsError):
                # Also what is raised when the machine's own account has not answered in time.
                raise ProviderUnavailable(f"{self._name} finds no credentials of Google's") from None
            message = f"{self._name} has no credentials: none could be read"
            raise ProviderRefused(message, code="no_credentials") from None
        except TransportError:
            raise ProviderUnavailable(f"{self._name} can't ask Google for a token") from None
        except RefreshError as error:
            # Refused, too, is an account that has had tokens before, while somebody renews its key.
            # And a metadata server that can't be reached is no refusal, although google-auth says so.
            if error.retryable or self._had_one or isinstance(error.__cause__, TransportError):
                raise ProviderUnavailable(f"{self._name} gets no new token from Google") from None
            message = f"{self._name} gets no token from Google: its credentials are refused"
            raise ProviderRefused(message, code="no_credentials") from None
        except GoogleAuthError:
            raise ProviderUnavailable(f"{self._name} gets no token from Google") from None


def _refresh(credentials: Credentials) -> None:
    untyped: Any = credentials
    untyped.refresh(Request())


def _is_fresh(credentials: Credentials) -> bool:
    if not credentials.token:
        return False
    # google-auth keeps moments without a zone, in UTC.
    expiry = credentials.expiry
    return expiry is None or expiry.replace(tzinfo=UTC) - datetime.now(UTC) > _FRESH
