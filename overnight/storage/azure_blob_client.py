"""A connection to Azure Blob: whose account, which address, how patiently."""

from contextlib import AsyncExitStack
from typing import Any

from azure.identity.aio import DefaultAzureCredential
from azure.storage.blob.aio import ContainerClient, LinearRetry

from overnight.storage.settings import AzureBlobSettings

CONNECT_SECONDS = 10
READ_SECONDS = 30
"""How long Azure may be silent."""

TRIES = 5
"""How often a request is made in all, a second or so apart."""

CHUNK_BYTES = 4 * 2**20
"""How much one request reads. The SDK takes an answer into memory whole."""

_ADDRESS = "https://{account}.blob.core.windows.net"


async def connect(settings: AzureBlobSettings, stack: AsyncExitStack) -> ContainerClient:
    """Return a client that `stack` closes. Raises ValueError for a connection string that is none."""
    options = {
        **patience(),
        "max_single_get_size": CHUNK_BYTES,
        "max_chunk_get_size": CHUNK_BYTES,
    }
    container = settings.container
    if settings.connection_string:
        client = ContainerClient.from_connection_string(settings.connection_string, container, **options)
    else:
        options["credential"] = settings.account_key or await _identity(stack)
        client = ContainerClient(_ADDRESS.format(account=settings.account_name), container, **options)
    return await stack.enter_async_context(client)


def patience() -> dict[str, Any]:
    """Return how patiently a client of Azure's is to ask."""
    return {
        "connection_timeout": CONNECT_SECONDS,
        "read_timeout": READ_SECONDS,
        # Left to itself the SDK waits for 15 seconds or more, and so does the client.
        "retry_policy": LinearRetry(backoff=1, random_jitter_range=1, retry_total=TRIES - 1),
    }


async def _identity(stack: AsyncExitStack) -> DefaultAzureCredential:
    credential = DefaultAzureCredential()
    stack.push_async_callback(credential.close)
    return credential
