"""As whom Google is asked: a service account, whatever google-auth finds on this machine, or nobody.

google-auth reads files and asks servers, and it blocks, so that is done in a thread.
"""

import asyncio
import json
from pathlib import Path
from typing import TYPE_CHECKING

import google.auth
import google.auth.transport.urllib3
import urllib3
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.oauth2 import service_account

from overnight.domain.errors import StorageUnavailable
from overnight.storage.settings import ANONYMOUS
from overnight.storage.threads import in_thread

if TYPE_CHECKING:
    from google.auth.credentials import Credentials

SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"

_NONE = (
    "no Google credentials were found: set gcs_path_service_account or GOOGLE_APPLICATION_CREDENTIALS, or "
    "give this process a service account"
)
_UNREADABLE = "the service account can't be read: it should be a path or the JSON itself"
_REFUSED = "Google gives no token for these credentials: {why}"


class GcsCredentials:
    """What goes with each request. `source` is a path, the JSON itself, ANONYMOUS, or None: what there is."""

    def __init__(self, source: str | None) -> None:
        self._source = source
        self._credentials: Credentials | None = None
        self._refreshing = asyncio.Lock()
        self._http = google.auth.transport.urllib3.Request(urllib3.PoolManager())  # type: ignore[no-untyped-call]

    async def headers(self, *, key: str) -> dict[str, str]:
        """Return the headers that say who asks, good for some minutes. Raises StorageUnavailable."""
        if self._source == ANONYMOUS:
            return {}
        async with self._refreshing:
            try:
                credentials = await self._fresh()
            except DefaultCredentialsError as error:
                raise StorageUnavailable(_NONE if self._source is None else _UNREADABLE, key=key) from error
            except (OSError, ValueError) as error:
                raise StorageUnavailable(_UNREADABLE, key=key) from error
            except GoogleAuthError as error:
                # Its message can quote what Google's servers said of the account.
                raise StorageUnavailable(_REFUSED.format(why=type(error).__name__), key=key) from error
        headers: dict[str, str] = {}
        credentials.apply(headers)  # type: ignore[no-untyped-call]
        return headers

    async def _fresh(self) -> "Credentials":
        if self._credentials is None:
            self._credentials = await in_thread(self._find)
        if not self._credentials.valid:
            await in_thread(self._credentials.refresh, self._http)
        return self._credentials

    def _find(self) -> "Credentials":
        if self._source is None:
            found: Credentials = google.auth.default([SCOPE], request=self._http)[0]
            return found
        text = (
            self._source if self._source.lstrip().startswith("{") else Path(self._source).read_text("utf-8")
        )
        return _of_account(json.loads(text))


def _of_account(account: dict[str, str]) -> "Credentials":
    if account.get("type") == "service_account":
        of_service = service_account.Credentials.from_service_account_info
        known: Credentials = of_service(account, scopes=[SCOPE])  # type: ignore[no-untyped-call]
        return known
    # A workload's identity elsewhere, for instance. Google warns of strangers' files; this is the operator's.
    found: Credentials = google.auth.load_credentials_from_dict(account, [SCOPE])[0]  # type: ignore[no-untyped-call]
    return found
