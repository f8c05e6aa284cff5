"""Settings → a store that is ready to be used, and that is closed again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol, assert_never

from overnight.domain.errors import StorageUnavailable
from overnight.storage.local import LocalStorage
from overnight.storage.protocol import Storage
from overnight.storage.settings import (
    AzureBlobSettings,
    BucketSettings,
    GcsSettings,
    LocalStorageSettings,
    S3Settings,
    StorageSettings,
)
from overnight.storage.signing import SignsUrls


class BucketStorage(Storage, SignsUrls, Protocol):
    """A store that is reached over a network."""

    async def close(self) -> None:
        """Let go of what it holds open."""
        ...


@asynccontextmanager
async def opened(settings: StorageSettings) -> AsyncIterator[Storage]:
    """Give the store for as long as the block runs. Nothing is asked of it yet."""
    if isinstance(settings, LocalStorageSettings):
        yield LocalStorage(settings.root)
        return
    bucket = _bucket(settings)
    try:
        yield bucket
    finally:
        await bucket.close()


async def problem_with(settings: StorageSettings) -> str | None:
    """Say why a store can't be used; None if objects can be written, listed, read and removed there."""
    try:
        async with opened(settings) as storage:
            await storage.check()
    except StorageUnavailable as error:
        return error.reason
    return None


def _bucket(settings: BucketSettings) -> BucketStorage:
    # The vendors' parts take up to a second and 50 MB to import, so each is for those who need it.
    match settings:
        case S3Settings():
            from overnight.storage.s3 import S3Storage  # noqa: PLC0415 - see above

            return S3Storage(settings)
        case GcsSettings():
            from overnight.storage.gcs import GcsStorage  # noqa: PLC0415 - see above

            return GcsStorage(settings.bucket, prefix=settings.prefix, credentials=settings.credentials)
        case AzureBlobSettings():
            from overnight.storage.azure_blob import AzureBlobStorage  # noqa: PLC0415 - see above

            return AzureBlobStorage(settings)
        case _:
            assert_never(settings)
