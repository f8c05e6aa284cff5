"""What only Azure Blob has: its keys and identities, its ways of saying no."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from overnight.domain.errors import BucketMissing, StorageRefused, StorageUnavailable
from overnight.storage.azure_blob import AzureBlobStorage
from overnight.storage.blocks import GATHERED_BYTES
from overnight.storage.settings import AzureBlobSettings
from tests.emulators.azure import ACCOUNT, KEY, AzureContainer, AzureServer
from tests.emulators.canned import saying
from tests.overnight.storage.streams import MIB, ProducerBroke, put, read

OTHER_KEY = "bm90LXRoZS1rZXk="
ERROR = '<?xml version="1.0" encoding="utf-8"?><Error><Code>{code}</Code><Message>of {key}</Message></Error>'


def connection_string(endpoint: str, *, key: str = KEY) -> str:
    return f"AccountName={ACCOUNT};AccountKey={key};BlobEndpoint={endpoint}/{ACCOUNT};"


async def why_not(settings: AzureBlobSettings) -> str:
    """Return what the check of a store says, and see that it says no secret."""
    return (await refusal_of(settings)).reason


async def refusal_of(settings: AzureBlobSettings) -> StorageUnavailable:
    storage = AzureBlobStorage(settings)
    with pytest.raises(StorageUnavailable) as caught:
        await storage.check()
    await storage.close()
    for secret in (KEY, OTHER_KEY):
        assert secret not in caught.value.message
    return caught.value


async def test_a_wrong_key_is_denied(azure_blob: AzureServer) -> None:
    settings = AzureBlobSettings(
        container=azure_blob.new_bucket().bucket,
        connection_string=connection_string(f"http://127.0.0.1:{azure_blob.port}", key=OTHER_KEY),
    )
    # What Azure itself says of it, Azurite does not: AuthenticationFailed.
    assert "is denied" in await why_not(settings)


async def test_a_key_that_can_be_none_is_told() -> None:
    settings = AzureBlobSettings(container="c", account_name="night", account_key="not base64")
    assert await why_not(settings) == "Azure does not accept the storage account's key"


async def test_a_connection_string_that_is_none_is_told() -> None:
    said = await why_not(AzureBlobSettings(container="c", connection_string="not one"))
    assert said == "Azure's connection string is none"


async def test_no_credentials_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    # The one identity that is looked for without asking a server.
    monkeypatch.setenv("AZURE_TOKEN_CREDENTIALS", "EnvironmentCredential")
    for name in ("AZURE_CLIENT_ID", "AZURE_TENANT_ID", "AZURE_CLIENT_SECRET"):
        monkeypatch.delenv(name, raising=False)
    assert "no Azure credentials were found" in await why_not(
        AzureBlobSettings(container="c", account_name="night")
    )


@pytest.mark.parametrize(
    ("status", "code", "kind", "told"),
    [
        (400, "InvalidResourceName", BucketMissing, "no Azure Blob container can have the name 'c'"),
        (403, "AuthenticationFailed", StorageUnavailable, "does not accept the storage account's key"),
        (403, "AuthorizationPermissionMismatch", StorageRefused, "to the Azure Blob container 'c' is denied"),
        (403, "KeyBasedAuthenticationNotPermitted", StorageUnavailable, "the storage account takes no keys"),
        (403, "AccountIsDisabled", StorageUnavailable, "the storage account is disabled"),
        (409, "ContainerBeingDeleted", StorageUnavailable, "the Azure Blob container 'c' is being deleted"),
        (418, "Teapot{0}", StorageUnavailable, "Azure Blob answered 418"),
    ],
)
async def test_a_no_is_told_in_words(
    status: int, code: str, kind: type[StorageUnavailable], told: str
) -> None:
    said = ERROR.format(code=code, key=KEY)
    with saying(status, said, content_type="application/xml", x_ms_error_code=code) as server:
        settings = AzureBlobSettings(container="c", connection_string=connection_string(server.url))
        refusal = await refusal_of(settings)
    assert told in refusal.reason
    assert type(refusal) is kind


async def test_blocks_that_a_broken_put_left_are_gone_with_the_next_put(azure_blob: AzureServer) -> None:
    bucket = azure_blob.new_bucket()
    storage = bucket.storage(part_bytes=MIB)
    with pytest.raises(ProducerBroke):
        await storage.put("files/a", sent_then_breaks(bucket))

    await put(storage, "files/a", b"x" * 3 * MIB)

    assert await read(storage, "files/a") == b"x" * 3 * MIB
    assert bucket.unfinished() == 0
    await storage.close()


async def sent_then_breaks(bucket: AzureContainer) -> AsyncIterator[bytes]:
    yield b"x" * (GATHERED_BYTES + 2 * MIB)  # Less is not passed on before there is more, or no more.
    async with asyncio.timeout(60):
        while not await asyncio.to_thread(bucket.unfinished):  # noqa: ASYNC110 - Azurite is another process
            await asyncio.sleep(0.1)
    raise ProducerBroke


async def test_what_marks_a_folder_is_no_object(azure_blob: AzureServer) -> None:
    bucket = azure_blob.new_bucket()
    bucket.client().upload_blob("files", b"", metadata={"hdi_isfolder": "true"})
    storage = bucket.storage()
    await put(storage, "files/a", b"x")

    assert [found.key async for found in storage.list("")] == ["files/a"]
    await storage.close()
