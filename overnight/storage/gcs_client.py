"""gcsfs, a request at a time: its connections, its addresses, its credentials and its retries.

Of gcsfs only what makes a single request is used. What it has for whole files takes what it reads into
memory, and sends content of unknown length from a thread of its own only. Importing this file takes its time,
because gcsfs brings gRPC, so only those who need it do, in a thread.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
from gcsfs.core import GCSFileSystem, initiate_upload
from gcsfs.credentials import LOCAL_REFRESH_BUFFER, GoogleCredentials
from gcsfs.retry import retry_request, validate_response
from google.auth.exceptions import DefaultCredentialsError

from overnight.domain.errors import StorageUnavailable
from overnight.storage.blocks import BLOCK_BYTES
from overnight.storage.gcs_errors import FAILURES, storage_error
from overnight.storage.google_accounts import load_credentials
from overnight.storage.resuming import ConnectionBroke, end_of
from overnight.storage.settings import ANONYMOUS
from overnight.storage.threads import in_thread

TRIES = 3
"""How often a request is made in all, a second or two apart. gcsfs by itself goes on for half a minute."""

CONNECT_SECONDS = 10
READ_SECONDS = 30
"""How long Google may be silent."""

NO_SUCH_RANGE = 416

_SCOPE = "https://www.googleapis.com/auth/devstorage.read_write"
_NOBODY = "anon"

_NONE = (
    "no Google credentials were found: set gcs_path_service_account or GOOGLE_APPLICATION_CREDENTIALS, or "
    "give this process a service account"
)
_UNREADABLE = "the service account can't be read: it should be a path or the JSON itself"

_request_once: Any = GCSFileSystem._request.__wrapped__  # noqa: SLF001 - what gcsfs has its retries around


def connect(credentials: str | None, *, endpoint_url: str | None, key: str) -> "GcsClient":
    """Find the credentials and return what asks with them. It blocks. Raises StorageUnavailable."""
    client = GcsClient(endpoint_url)
    # An emulator is asked as nobody, unless it is said as whom.
    nobody = credentials == ANONYMOUS or (credentials is None and not client.on_google)
    try:
        client.credentials = _Identity(_NOBODY if nobody else load_credentials(credentials, scope=_SCOPE))
    except (DefaultCredentialsError, OSError, ValueError) as error:
        raise StorageUnavailable(_NONE if credentials is None else _UNREADABLE, key=key) from error
    return client


class GcsClient(GCSFileSystem):  # type: ignore[misc]  # it has no types
    """gcsfs, whose methods raise FAILURES. It belongs to the event loop that it is first used on.

    It is the class that knows buckets over HTTP alone. What `gcsfs` itself exports first asks by gRPC of what
    kind a bucket is.
    """

    cachable = False

    def __init__(self, endpoint_url: str | None) -> None:
        super().__init__(
            token=_NOBODY,
            asynchronous=True,
            endpoint_url=endpoint_url,
            requests_timeout=aiohttp.ClientTimeout(sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
            # Objects come as they are kept, and nothing else is worth being compressed.
            session_kwargs={
                "headers": {"Accept-Encoding": "identity"},
                "auto_decompress": False,
                "read_bufsize": BLOCK_BYTES,
            },
        )

    @property
    def address(self) -> str:
        """Where Google, or its emulator, is."""
        return str(self._location)

    @property
    def uploads(self) -> str:
        """The path to which objects are sent, with a gap for the bucket."""
        return f"{self._location}/upload/storage/v1/b/{{}}/o"

    @asynccontextmanager
    async def asking(self, *, bucket: str, key: str) -> AsyncIterator[None]:
        """Have credentials that are good for some minutes, and raise StorageUnavailable for FAILURES."""
        try:
            await self.credentials.renew()
            yield
        except FAILURES as error:
            raise storage_error(error, bucket=bucket, key=key) from error

    async def ask(self, method: str, path: str, *names: str, **request: object) -> dict[str, Any]:
        """Make a request and return what the answer says. `path` has gaps for the names."""
        _, body = await self._call(method, path, *names, **request)
        said: dict[str, Any] = json.loads(body or b"{}")
        return said

    async def begin(self, bucket: str, name: str) -> str:
        """Have Google expect an object in parts; return the address that takes them."""
        return str(await initiate_upload(self, bucket, name))

    async def tell(
        self, method: str, address: str, *, patiently: bool, **request: object
    ) -> tuple[int, Mapping[str, str]]:
        """Make a request, with one try only unless `patiently`; return status and headers of the answer."""
        tell = self._request if patiently else partial(_request_once, self)
        status, headers, _, _ = await tell(method, address, **request)
        return status, headers

    @retry_request(retries=TRIES)  # type: ignore[untyped-decorator]  # it has no types
    async def opened(
        self, path: str, *names: str, headers: Mapping[str, str], **query: str | None
    ) -> "OpenedObject | None":
        """Make a request and return the answer with its body unread, or None if there is no such range."""
        # As gcsfs does to get a whole file: its other requests read the answer before they return it.
        session = await self._set_session()
        response: aiohttp.ClientResponse = await session.get(
            self._format_path(path, names),
            params=self._get_params(query),
            headers=self._get_headers(headers),
            timeout=self.requests_timeout,
        )
        if response.ok:
            return OpenedObject(response)
        async with response:
            if response.status != NO_SUCH_RANGE:
                validate_response(response.status, await response.read(), path, names)
        return None

    async def shut(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()

    _request = retry_request(retries=TRIES)(_request_once)


class OpenedObject:
    """An answer whose body has not been read yet; see Opened."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        # Emulators may not say it; then a read that breaks goes on with whatever is there.
        self.version = response.headers.get("X-Goog-Generation", "")
        self.end = end_of(
            content_range=response.headers.get("Content-Range"),
            content_length=int(response.headers["Content-Length"]),
        )

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body; see Opened."""
        try:
            async for block in self._response.content.iter_chunked(BLOCK_BYTES):
                yield block
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionBroke from error
        finally:
            self._response.close()


class _Identity(GoogleCredentials):  # type: ignore[misc]  # it has no types
    """As whom Google is asked. By itself gcsfs gets new tokens on the event loop, whenever it shows them."""

    def __init__(self, token: object) -> None:
        super().__init__(project="", access="read_write", token=token)
        self._renewing = asyncio.Lock()

    async def renew(self) -> None:
        """Have a token that is good for some minutes."""
        async with self._renewing:
            if self.credentials is not None and not self._credentials_valid(LOCAL_REFRESH_BUFFER):
                await in_thread(self.maybe_refresh)

    def apply(self, out: dict[str, str]) -> None:
        """Show the token, without a look at what has become of it since."""
        if self.credentials is not None:
            self.credentials.apply(out)
