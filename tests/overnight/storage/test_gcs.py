"""What only Google Cloud Storage has: whose credentials, its statuses, its emulator's address."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from overnight.domain.errors import BucketMissing, StorageRefused, StorageUnavailable
from overnight.storage.gcs import GcsStorage
from tests.emulators.canned import saying
from tests.emulators.gcs import GcsServer
from tests.overnight.storage.streams import MIB, pattern, put, read

TOKEN = '{"access_token": "token-of-the-hour", "expires_in": 3600, "token_type": "Bearer"}'
TOKEN_ABOUT_TO_END = '{"access_token": "token-of-the-minute", "expires_in": 60, "token_type": "Bearer"}'
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


async def refusal_of(storage: GcsStorage) -> StorageUnavailable:
    with pytest.raises(StorageUnavailable) as caught:
        await storage.check()
    await storage.close()
    return caught.value


async def why_not(storage: GcsStorage) -> str:
    return (await refusal_of(storage)).reason


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


async def test_a_token_that_is_about_to_end_is_replaced_once_a_request(private_key: str) -> None:
    with (
        saying(200, TOKEN_ABOUT_TO_END, content_type="application/json") as tokens,
        saying(200, "") as google,
    ):
        account = service_account(private_key, token_uri=tokens.url)
        storage = GcsStorage("b", credentials=account, endpoint_url=google.url)
        for _ in range(3):
            await put(storage, "files/a", b"x")
        await storage.close()

    assert (len(tokens.asked), len(google.asked)) == (3, 3)


async def test_the_event_loop_goes_on_while_google_is_asked_for_a_token(private_key: str) -> None:
    with saying(200, TOKEN, content_type="application/json") as tokens, saying(200, "") as google:
        tokens.held.clear()
        account = service_account(private_key, token_uri=tokens.url)
        storage = GcsStorage("b", credentials=account, endpoint_url=google.url)
        putting = asyncio.create_task(put(storage, "files/a", b"x"))

        while not tokens.asked:  # noqa: ASYNC110 - a server in another thread has no event to wait for
            await asyncio.sleep(0.01)
        tokens.held.set()
        await putting
        await storage.close()

    # Were Google asked on the event loop, nobody would have let it answer.
    assert not tokens.lost_patience
    assert len(google.asked) == 1


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
    ("status", "message", "kind", "told"),
    [
        (400, "Bad Request", StorageUnavailable, "does not take the request"),
        (400, "Invalid bucket name: 'b'", BucketMissing, "bucket can have the name 'b'"),
        (401, "", StorageUnavailable, "does not accept the credentials"),
        (403, "", StorageRefused, "access to the Google Cloud Storage bucket 'b' is denied"),
        (403, "User Rate Limit Exceeded", StorageUnavailable, "answered 429"),
        (404, "", BucketMissing, "there is no Google Cloud Storage bucket 'b'"),
        (418, "", StorageUnavailable, "answered 418"),
        (503, "", StorageUnavailable, "answered 503"),
    ],
)
async def test_a_no_is_told_in_words_and_is_final_only_where_somebody_has_to_act(
    status: int, message: str, kind: type[StorageUnavailable], told: str
) -> None:
    error = {"error": {"code": status, "message": message or "night@example.com does not have access"}}
    with saying(status, json.dumps(error)) as google:
        refusal = await refusal_of(GcsStorage("b", credentials="anonymous", endpoint_url=google.url))
    assert type(refusal) is kind
    assert told in refusal.reason
    assert "night@" not in refusal.reason


async def test_a_request_that_google_was_not_well_for_is_made_again_with_all_that_belongs_to_it() -> None:
    with saying(200, "") as google:
        google.at_first = [(503, {}), (429, {})]
        storage = GcsStorage("b", credentials="anonymous", endpoint_url=google.url)
        await put(storage, "files/a", b"x" * 1_000)
        await storage.close()

    assert [asked["Content-Length"] for asked in google.asked] == ["1000"] * 3


async def test_a_part_of_which_nothing_is_said_to_have_arrived_is_sent_again() -> None:
    # Google may say so: 308 without a Range. gcsfs by itself would go on with the next part.
    with saying(200, "{}") as google:
        google.at_first = [
            (200, {"Location": f"{google.url}/session"}),
            (308, {}),
            (308, {"Range": f"bytes=0-{MIB - 1}"}),
        ]
        storage = GcsStorage("b", credentials="anonymous", endpoint_url=google.url, part_bytes=MIB)
        stored = await put(storage, "files/a", pattern(MIB + 5))
        await storage.close()

    first, last = f"bytes 0-{MIB - 1}/*", f"bytes {MIB}-{MIB + 4}/{MIB + 5}"
    assert [asked["Content-Range"] for asked in google.asked] == [None, first, first, last]
    assert stored.size == MIB + 5


async def test_an_upload_that_google_has_forgotten_is_told() -> None:
    with saying(404, "") as google:
        google.at_first = [(200, {"Location": f"{google.url}/session"})]
        storage = GcsStorage("b", credentials="anonymous", endpoint_url=google.url, part_bytes=MIB)
        with pytest.raises(StorageUnavailable, match="has forgotten the upload"):
            await put(storage, "files/a", pattern(MIB + 5))
        await storage.close()


def test_whoever_has_a_bucket_to_hand_does_not_wait_for_gcsfs_before_it_is_used() -> None:
    code = "import sys, overnight.storage.gcs; print(*{'gcsfs', 'google.auth', 'grpc'} & set(sys.modules))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert loaded.stdout.split() == []


@pytest.mark.parametrize("scheme", ["http://", ""])
async def test_an_emulator_is_found_where_googles_own_sdks_look(
    gcs: GcsServer, monkeypatch: pytest.MonkeyPatch, scheme: str
) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", f"{scheme}127.0.0.1:{gcs.port}")
    storage = GcsStorage(gcs.new_bucket().bucket)

    await put(storage, "files/a", b"x")

    assert await read(storage, "files/a") == b"x"
    await storage.close()
