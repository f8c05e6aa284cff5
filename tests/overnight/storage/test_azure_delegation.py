"""URLs that an identity signs, which has no key of the account's but may ask Azure for one of its own."""

import base64
import json
import ssl
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx2
import pytest
from azure.core.credentials import AccessToken
from azure.storage.blob.aio import ContainerClient
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from overnight.domain.errors import CannotSign
from overnight.storage.azure_blob_signing import KEY_LIFETIME, AzureBlobSigner
from tests.emulators.azure import ACCOUNT, AzureServer, azure_server

CONTENT = b"good night"
KEY = "files/file-1"
WHO, TENANT = str(uuid4()), str(uuid4())
ENTRA = "https://sts.windows.net/"
FIVE_MINUTES = timedelta(minutes=5)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of this machine's, by itself, with its key beside it: Azure takes tokens by TLS only."""
    folder, key = tmp_path_factory.mktemp("tls"), ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now, here = datetime.now(UTC), x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = builder.add_extension(here, critical=False).sign(key, hashes.SHA256())
    (folder / "certificate.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    plain = serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    (folder / "key.pem").write_bytes(pem)
    return folder / "certificate.pem"


@pytest.fixture(scope="module")
def azure(certificate: Path) -> Iterator[AzureServer]:
    """Azure Blob that asks for tokens."""
    tls = ("--cert", str(certificate), "--key", str(certificate.with_name("key.pem")))
    with azure_server(certificate.parent, "--oauth", "basic", *tls) as server:
        yield server


@dataclass(slots=True)
class Identity:
    """Somebody whom Azurite knows by what the token says, whoever has signed it."""

    issuer: str = f"{ENTRA}{TENANT}/"

    async def get_token(self, *_: str, **__: object) -> AccessToken:
        now = int(time.time())
        claims = {"aud": "https://storage.azure.com", "iss": self.issuer, "oid": WHO, "tid": TENANT}
        ends = now + 3_600
        said = [{"alg": "HS256", "typ": "JWT"}, {**claims, "iat": now - 60, "nbf": now - 60, "exp": ends}]
        parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in said]
        return AccessToken(".".join([*parts, "c2lnbmVk"]), ends)

    async def close(self) -> None:
        return

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None = None,
        error: BaseException | None = None,
        trace: TracebackType | None = None,
    ) -> None:
        return


class Night:
    """A container that an identity asks for, and how often Azure was asked for a key."""

    def __init__(self, azure: AzureServer, certificate: Path, identity: Identity) -> None:
        trusting: dict[str, Any] = {"connection_verify": str(certificate)}
        address = f"https://127.0.0.1:{azure.port}/{ACCOUNT}"
        name = f"night-{uuid4().hex}"
        self.asked_for_key = 0
        self.client = ContainerClient(address, name, credential=identity, **trusting)
        self._signer = AzureBlobSigner(self.client, {**trusting, "raw_request_hook": self._count})
        self._tls = ssl.create_default_context(cafile=certificate)

    async def url(self, key: str = KEY, *, expires_in: timedelta = FIVE_MINUTES) -> str:
        blob = self.client.get_blob_client(key)
        return await self._signer.sign(key, blob, filename="in.jsonl", expires_in=expires_in)

    def asked(self, method: str, url: str) -> httpx2.Response:
        headers = {"x-ms-blob-type": "BlockBlob"}
        with httpx2.Client(verify=self._tls, trust_env=False, timeout=60) as http:
            return http.request(method, url, headers=headers)

    def _count(self, _: object) -> None:
        self.asked_for_key += 1


@pytest.fixture
async def night(azure: AzureServer, certificate: Path) -> AsyncIterator[Night]:
    made = Night(azure, certificate, Identity())
    async with made.client:
        await made.client.create_container()
        await made.client.upload_blob(KEY, CONTENT)
        yield made


async def test_azure_believes_what_an_identity_has_signed(night: Night) -> None:
    answer = night.asked("GET", await night.url())

    assert (answer.status_code, answer.content) == (200, CONTENT)
    assert answer.headers.get_list("content-type") == ["application/jsonl"]
    (disposition,) = answer.headers.get_list("content-disposition")
    assert disposition == "attachment; filename=\"in.jsonl\"; filename*=UTF-8''in.jsonl"


async def test_a_url_is_for_reading_one_object_under_one_name_for_a_while(night: Night) -> None:
    await night.client.upload_blob("files/file-2", b"somebody else's")
    url = await night.url()
    refused = [
        night.asked("GET", url.replace("file-1", "file-2")),
        night.asked("GET", url.replace("in.jsonl", "on.jsonl")),
        night.asked("GET", await night.url(expires_in=-FIVE_MINUTES)),
        night.asked("PUT", url),
        night.asked("DELETE", url),
    ]

    assert [answer.status_code for answer in refused] == [403] * 5
    assert night.asked("GET", url).content == CONTENT


async def test_a_url_is_for_tls_alone_and_ends_before_its_key(night: Night) -> None:
    url = await night.url()
    query = {name: value for name, (value,) in parse_qs(urlsplit(url).query).items()}

    assert (query["skoid"], query["sktid"], query["sks"]) == (WHO, TENANT, "b")
    assert (query["sp"], query["sr"], query["spr"]) == ("r", "b", "https")
    assert datetime.fromisoformat(query["se"]) < datetime.fromisoformat(query["ske"])


async def test_azure_is_asked_once_for_a_key_and_again_when_it_ends_too_soon(night: Night) -> None:
    for _ in range(3):
        await night.url()
    assert night.asked_for_key == 1
    await night.url(expires_in=KEY_LIFETIME)
    assert night.asked_for_key == 2
    assert (await night.client.get_blob_client(KEY).get_blob_properties()).size == len(CONTENT)


async def test_an_identity_that_gets_no_key_can_not_sign_and_is_told_what_it_takes(
    azure: AzureServer, certificate: Path
) -> None:
    night = Night(azure, certificate, Identity(issuer="https://nobody.example/"))
    async with night.client:
        with pytest.raises(CannotSign, match="Storage Blob Delegator"):
            await night.url()
