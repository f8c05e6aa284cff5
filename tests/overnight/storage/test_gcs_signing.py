"""Who can sign for Google Cloud Storage: with a key, by IAM, or not at all."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from google.auth import compute_engine
from google.auth.credentials import Credentials
from google.auth.exceptions import TransportError
from google.oauth2 import credentials as people
from google.oauth2 import service_account

from overnight.domain.errors import CannotSign
from overnight.storage.gcs_signing import GcsSigner
from overnight.storage.signing import try_to_sign
from tests.emulators.gcs import GcsServer
from tests.emulators.google_accounts import EMAIL, TOKEN, account, private_key
from tests.emulators.signatures import google

NAME = "naïve 日本.jsonl"
KEY = "files/file-1"
OBJECT = f"night/{KEY}"
FIVE_MINUTES = timedelta(minutes=5)


@dataclass(slots=True)
class Told:
    """An answer of Google's, as google-auth takes it."""

    status: int
    data: bytes
    headers: Mapping[str, str] = field(default_factory=lambda: {"content-type": "application/json"})


@dataclass(slots=True)
class Google:
    """What a machine in Google Cloud asks: its metadata, which name its account, and IAM, which signs."""

    status: int = 200
    down: bool = False
    asked_to_sign: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    asked_for_token: int = 0

    def __call__(self, *, url: str, headers: Mapping[str, str], body: bytes = b"", **_: object) -> Told:
        if ":signBlob" in url:
            self.asked_to_sign.append((url, headers))
            if self.down:
                raise TransportError("timed out")  # type: ignore[no-untyped-call]
            said = {"signedBlob": _signed(body)} if self.status == 200 else {"error": {"message": EMAIL}}
            return Told(self.status, json.dumps(said).encode())
        if "/token" in url:
            self.asked_for_token += 1
            return Told(200, TOKEN.encode())
        return Told(200, json.dumps({"email": EMAIL, "scopes": []}).encode())


def _signed(body: bytes) -> str:
    message = base64.b64decode(json.loads(body)["payload"])
    return base64.b64encode(private_key().sign(message, padding.PKCS1v15(), hashes.SHA256())).decode()


def machine() -> Credentials:
    """Return what a machine in Google Cloud has, as if it had been told already which cloud that is."""
    return compute_engine.Credentials(universe_domain="googleapis.com")  # type: ignore[no-untyped-call]


def person() -> Credentials:
    return people.Credentials("of-a-person")  # type: ignore[no-untyped-call]


def signed(signer: GcsSigner) -> str:
    return signer.sign(KEY, OBJECT, filename=NAME, expires_in=FIVE_MINUTES)


def why_not(credentials: Credentials | None, asked: Google) -> str:
    with pytest.raises(CannotSign) as caught:
        signed(GcsSigner("a-bucket", credentials, request=asked))
    assert EMAIL not in caught.value.message
    return caught.value.reason


def assert_believed(url: str) -> None:
    """Google serves it: now, and not in the end, nor as another object, nor to somebody who writes."""
    vendor, headers = google(private_key().public_key()), {"host": "storage.googleapis.com"}
    now = datetime.now(UTC)
    other = url.replace("file-1", "file-2")
    assert vendor.refusal("GET", url, headers, now=now) is None
    assert vendor.refusal("GET", url, headers, now=now + FIVE_MINUTES) == "it has ended"
    assert vendor.refusal("GET", other, headers, now=now) == "another signature"
    assert vendor.refusal("PUT", url, headers, now=now) == "another signature"


def test_an_account_signs_with_its_key_and_asks_nobody() -> None:
    asked, known = Google(), service_account.Credentials
    info = json.loads(account(token_uri="https://nobody.example"))
    credentials: Credentials = known.from_service_account_info(info)  # type: ignore[no-untyped-call]
    url = signed(GcsSigner("a-bucket", credentials, request=asked))

    assert_believed(url)
    assert url.startswith(f"https://storage.googleapis.com/a-bucket/{OBJECT}?")
    query = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}
    assert query["X-Goog-Credential"].partition("/")[0] == EMAIL
    assert query["X-Goog-Expires"] == "300"
    assert query["response-content-type"] == "application/jsonl"
    disposition, _, name = query["response-content-disposition"].partition("; filename*=UTF-8''")
    assert (disposition, unquote(name)) == ('attachment; filename="na_ve __.jsonl"', NAME)
    assert (asked.asked_to_sign, asked.asked_for_token) == ([], 0)


def test_iam_signs_for_a_machine_that_has_no_key() -> None:
    asked = Google()
    signer = GcsSigner("a-bucket", machine(), request=asked)
    urls = [signed(signer) for _ in range(3)]

    for url in urls:
        assert_believed(url)
        assert parse_qs(urlsplit(url).query)["X-Goog-Credential"][0].partition("/")[0] == EMAIL
    assert asked.asked_for_token == 1
    assert len(asked.asked_to_sign) == 3
    for address, headers in asked.asked_to_sign:
        assert address.endswith(f"/serviceAccounts/{EMAIL}:signBlob")
        assert headers["authorization"] == "Bearer token-of-the-hour"


@pytest.mark.parametrize("asked", [Google(status=403), Google(down=True)], ids=["refuses", "is-down"])
def test_where_iam_does_not_sign_it_is_said_what_it_takes(asked: Google) -> None:
    said = why_not(machine(), asked)

    assert "Service Account Token Creator" in said
    assert len(asked.asked_to_sign) == 1


@pytest.mark.parametrize("who", [None, person()], ids=["nobody", "a-person"])
def test_who_is_no_service_account_can_not_sign_and_nobody_is_asked(who: Credentials | None) -> None:
    asked = Google()

    assert "signed by service accounts" in why_not(who, asked)
    assert (asked.asked_to_sign, asked.asked_for_token) == ([], 0)


async def test_a_store_signs_nothing_as_nobody(gcs: GcsServer) -> None:
    storage = gcs.new_bucket().storage()
    with pytest.raises(CannotSign, match="signed by service accounts"):
        await try_to_sign(storage)
    await storage.close()
