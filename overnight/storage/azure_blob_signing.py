"""Shared access signatures of Azure Blob's.

They are signed with the account's key, or else with one that Azure gives an identity for some hours. A
connection string that has itself a signature instead of a key can't sign.
"""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from azure.core.credentials_async import AsyncTokenCredential
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobSasPermissions, UserDelegationKey, generate_blob_sas
from azure.storage.blob.aio import BlobClient, BlobServiceClient, ContainerClient

from overnight.domain.errors import CannotSign
from overnight.domain.presenting import content_disposition, content_type

KEY_LIFETIME = timedelta(hours=6)
SKEW = timedelta(minutes=5)
"""How far our clock may be from Azure's."""

_NO_KEY = "Azure's connection string has no account key to sign URLs with"
_NO_KEY_GIVEN = (
    "Azure gives this identity no key to sign URLs with: it takes the role Storage Blob Delegator or Storage "
    "Blob Data Contributor on the storage account, and not on the container only"
)


class AzureBlobSigner:
    """Signs URLs of one container's objects. `options` are the SDK's."""

    def __init__(self, client: ContainerClient, options: Mapping[str, Any]) -> None:
        self._client = client
        self._options = options
        self._key: UserDelegationKey | None = None
        self._key_ends = datetime.min.replace(tzinfo=UTC)
        self._asking = asyncio.Lock()

    async def sign(self, key: str, blob: BlobClient, *, filename: str, expires_in: timedelta) -> str:
        """Return a URL of the object at `key`. Raises CannotSign where we have no key, and AzureError."""
        expiry = datetime.now(UTC) + expires_in
        by = await self._signed_by(key, expiry)
        signature = generate_blob_sas(
            # An emulator has it in the path, of which a blob's own client takes too much for its name.
            str(self._client.account_name),
            blob.container_name,
            blob.blob_name,
            permission=BlobSasPermissions(read=True),
            expiry=expiry,
            content_disposition=content_disposition(filename),
            content_type=content_type(filename),
            protocol="https" if blob.scheme == "https" else None,
            **by,
        )
        return f"{blob.url}?{signature}"

    async def _signed_by(self, key: str, expiry: datetime) -> dict[str, Any]:
        credential: Any = self._client.credential
        if account_key := getattr(credential, "account_key", None):
            return {"account_key": account_key}
        if not isinstance(credential, AsyncTokenCredential):
            raise CannotSign(_NO_KEY, key=key)
        async with self._asking:
            if self._key is None or self._key_ends < expiry:
                self._key = await self._new_key(key, credential)
            return {"user_delegation_key": self._key}

    async def _new_key(self, key: str, credential: AsyncTokenCredential) -> UserDelegationKey:
        now = datetime.now(UTC)
        address = f"{self._client.scheme}://{self._client.primary_hostname}"
        async with BlobServiceClient(address, credential=credential, **self._options) as service:
            try:
                given = await service.get_user_delegation_key(now - SKEW, now + KEY_LIFETIME)
            except HttpResponseError as error:
                if error.status_code == HTTPStatus.FORBIDDEN:
                    raise CannotSign(_NO_KEY_GIVEN, key=key) from error
                raise
        self._key_ends = now + KEY_LIFETIME - SKEW
        return given
