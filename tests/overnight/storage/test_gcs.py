"""What only Google Cloud Storage has: whose credentials, its statuses, its emulator's address."""

import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from overnight.domain.errors import StorageUnavailable
from overnight.storage.gcs import GcsStorage
from tests.emulators.canned import saying
from tests.emulators.gcs import GcsServer
from tests.overnight.storage.streams import put, read

TOKEN = '{"access_token": "token-of-the-hour", "expires_in": 3600, "token_type": "Bearer"}'
NO_TOKEN = '{"error": "invalid_grant", "error_description": "Invalid JWT Signature for night@example.com"}'


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


def service_account(private_key: str, *, token_uri: str) -> str:
    return json.dumps(
        {
            "type": "service_account",
            "project_id": "night",
            "private_key_id": "1",
            "private_key": private_key,
            "client_email": "night@example.com",
            "client_id": "1",
            "token_uri": token_uri,
        }
    )


async def why_not(storage: GcsStorage) -> str:
    with pytest.raises(StorageUnavailable) as caught:
        await storage.check()
    await storage.close()
    return caught.value.reason


@pytest.mark.parametrize("given_as", ["path", "JSON"])
async def test_a_service_account_is_asked_for_a_token_once_and_it_goes_with_every_request(
    private_key: str, tmp_path: Path, given_as: str
) -> None:
    with saying(200, TOKEN, content_type="application/json") as tokens, saying(403, "") as google:
        account = service_account(private_key, token_uri=tokens.url)
        (tmp_path / "account.json").write_text(account)
        credentials = account if given_as == "JSON" else str(tmp_path / "account.json")
        storage = GcsStorage("b", credentials=credentials, endpoint_url=google.url)

        for _ in range(2):
            with pytest.raises(StorageUnavailable):
                await put(storage, "files/a", b"x")
        await storage.close()

    assert [asked["Authorization"] for asked in google.asked] == ["Bearer token-of-the-hour"] * 2
    assert len(tokens.asked) == 1


async def test_a_service_account_that_gets_no_token_is_told_and_not_quoted(private_key: str) -> None:
    with saying(400, NO_TOKEN, content_type="application/json") as tokens, saying(200, "") as google:
        account = service_account(private_key, token_uri=tokens.url)
        said = await why_not(GcsStorage("b", credentials=account, endpoint_url=google.url))

    assert said == "Google gives no token for these credentials: RefreshError"
    assert google.asked == []


@pytest.mark.parametrize("credentials", ["/no/such/file.json", '{"type": "service_account"}', "{"])
async def test_a_service_account_that_can_not_be_read_is_told(credentials: str) -> None:
    assert "service account can't be read" in await why_not(GcsStorage("b", credentials=credentials))


async def test_no_credentials_are_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("GOOGLE_APPLICATION_CREDENTIALS", "STORAGE_EMULATOR_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))
    monkeypatch.setenv("NO_GCE_CHECK", "true")
    assert "no Google credentials were found" in await why_not(GcsStorage("b"))


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (400, "is 'b' the name of a bucket?"),
        (401, "does not accept the credentials"),
        (403, "access to the Google Cloud Storage bucket 'b' is denied"),
        (404, "there is no Google Cloud Storage bucket 'b'"),
        (418, "answered 418"),
        (503, "answered 503"),
    ],
)
async def test_a_no_is_told_in_words(status: int, told: str) -> None:
    with saying(status, '{"error": {"message": "night@example.com does not have access"}}') as google:
        said = await why_not(GcsStorage("b", credentials="anonymous", endpoint_url=google.url))
    assert told in said
    assert "night@" not in said


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_an_emulator_is_found_where_googles_own_sdks_look(
    gcs: GcsServer, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"{scheme}127.0.0.1:{gcs.port}")
    storage = GcsStorage(gcs.new_bucket().bucket)

    await put(storage, "files/a", b"x")

    assert await read(storage, "files/a") == b"x"
    await storage.close()
