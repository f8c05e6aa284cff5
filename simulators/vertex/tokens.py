"""Access tokens for service accounts, as Google's token endpoint issues them for what their keys sign."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Mapping
from enum import Enum
from typing import Any

from simulators.native.manner import Json

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_PARTS = 3
_CLAIMS = ("iss", "aud", "exp", "iat")


class NoGrant(Exception):
    """An assertion that earns no token; the message is what is wrong with it."""


class Standing(Enum):
    """What is known of a token."""

    UNKNOWN = "unknown"
    GOOD = "good"
    EXPIRED = "expired"


class Tokens:
    """The tokens that were issued here; they live by our time, as their holders' clocks do."""

    def __init__(self) -> None:
        self._issued: dict[str, float] = {}
        self._expired: set[str] = set()

    def forget(self) -> None:
        """Know none of them any more."""
        self._issued.clear()
        self._expired.clear()

    def parts(self) -> Json:
        """Return how many there are, for the control door; never a token."""
        return {"issued": len(self._issued) + len(self._expired), "expired": len(self._expired)}

    def issue(self, assertion: str) -> str:
        """Issue a token for a signed assertion. Raises NoGrant."""
        claims = _claims(assertion)
        missing = [name for name in _CLAIMS if name not in claims]
        if missing:
            raise NoGrant(f"Invalid JWT: Required parameter is missing: {', '.join(missing)}")
        if float(claims["exp"]) <= time.time():
            raise NoGrant(
                "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe."
            )
        token = f"ya29.simulated-{secrets.token_urlsafe(24)}"
        self._issued[token] = time.monotonic()
        return token

    def standing(self, token: str, *, life: float) -> Standing:
        """Tell whether a token is good; one that has once lived longer than `life` seconds never is again."""
        if token in self._issued and time.monotonic() - self._issued[token] >= life:
            del self._issued[token]
            self._expired.add(token)
        if token in self._expired:
            return Standing.EXPIRED
        return Standing.GOOD if token in self._issued else Standing.UNKNOWN


def _claims(assertion: str) -> Mapping[str, Any]:
    """Read what an assertion claims; nobody here has the key that would prove it."""
    parts = assertion.split(".")
    if len(parts) != _PARTS or not all(parts):
        raise NoGrant("Invalid JWT: it has to have a header, claims and a signature.")
    try:
        header, claims = (json.loads(_decoded(part)) for part in parts[:2])
    except ValueError as error:
        raise NoGrant("Invalid JWT: it can't be decoded.") from error
    if header.get("alg") != "RS256":
        raise NoGrant("Invalid JWT: it has to be signed with RS256.")
    return dict(claims)


def _decoded(part: str) -> bytes:
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
