"""What S3 and Google Cloud Storage make of a signed URL, as their pages on version 4 of signatures have it.

They differ in names, and in who can sign: at S3 a secret, at Google a service account's key.
"""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_STAMP = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True, slots=True)
class Vendor:
    """Whose signatures: how parameters begin, and what is believed. `scope` is what they are good for."""

    prefix: str
    algorithm: str
    scope: str
    believes: Callable[[str, bytes], bool]

    def signed(self, url: str) -> bool:
        return f"{self.prefix}Signature=" in url

    def refusal(self, method: str, url: str, headers: Mapping[str, str], *, now: datetime) -> str | None:
        """Return why the request is refused, or None where it is served."""
        parts = urlsplit(url)
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        signature = bytes.fromhex(query.pop(f"{self.prefix}Signature"))
        said = {name.removeprefix(self.prefix): value for name, value in query.items()}
        began = datetime.strptime(said["Date"], _STAMP).replace(tzinfo=UTC)
        scope = f"{began:%Y%m%d}/{self.scope}"
        names = said["SignedHeaders"].split(";")
        canonical = [
            method,
            quote(unquote(parts.path), safe="/-_.~"),
            "&".join(sorted(f"{_quoted(name)}={_quoted(value)}" for name, value in query.items())),
            *(f"{name}:{headers[name].strip()}" for name in names),
            "",
            said["SignedHeaders"],
            "UNSIGNED-PAYLOAD",
        ]
        digest = hashlib.sha256("\n".join(canonical).encode()).hexdigest()
        if said["Algorithm"] != self.algorithm or said["Credential"].partition("/")[2] != scope:
            return "another scope"
        if "host" not in names or not self.believes(
            "\n".join([self.algorithm, said["Date"], scope, digest]), signature
        ):
            return "another signature"
        return "it has ended" if now >= began + timedelta(seconds=int(said["Expires"])) else None


def amazon(secret: str, *, region: str) -> Vendor:
    """S3, where `secret` signs."""

    def believes(message: str, signature: bytes) -> bool:
        key = f"AWS4{secret}".encode()
        for part in message.splitlines()[2].split("/"):
            key = hmac.digest(key, part.encode(), hashlib.sha256)
        return hmac.compare_digest(hmac.digest(key, message.encode(), hashlib.sha256), signature)

    return Vendor("X-Amz-", "AWS4-HMAC-SHA256", f"{region}/s3/aws4_request", believes)


def google(key: rsa.RSAPublicKey) -> Vendor:
    """Google Cloud Storage, where the other half of `key` signs."""

    def believes(message: str, signature: bytes) -> bool:
        try:
            key.verify(signature, message.encode(), padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True

    return Vendor("X-Goog-", "GOOG4-RSA-SHA256", "auto/storage/goog4_request", believes)


def _quoted(text: str) -> str:
    return quote(text, safe="-_.~")
