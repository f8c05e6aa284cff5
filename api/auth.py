"""Who may call: whoever bears the master key, or anybody where there is none (on loopback only)."""

import hashlib
import hmac
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPBearer
from fastapi.security.http import HTTPAuthorizationCredentials

from api.gateway import TheGateway
from api.local_only import refuse_foreign
from overnight.domain.errors import Unauthorized

_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using "
    "Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
)

_LABEL = b"overnight key label\0"

bearer = HTTPBearer(auto_error=False, description="`general_settings.master_key`, if there is one")


async def require_key(
    request: Request,
    gateway: TheGateway,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> None:
    """Let the request pass, or raise Unauthorized, or a 403. The key that came is never repeated."""
    expected = gateway.settings.master_key
    if expected is None:
        refuse_foreign(request.headers)
        return
    if not _key(request):
        raise Unauthorized(_NO_KEY)
    if not shows_key(request, expected):
        raise Unauthorized


def shows_key(request: Request, expected: str) -> bool:
    """Return whether the request bears that key."""
    return hmac.compare_digest(_key(request), expected.encode())


def key_label(request: Request) -> str | None:
    """Return what tells the bearer of a request from others in questions about money; None if it has none.

    It is the beginning of a hash, which tells nothing of a key that nobody could guess.
    """
    key = _key(request)
    return f"key_{hashlib.sha256(_LABEL + key).hexdigest()[:12]}" if key else None


def _key(request: Request) -> bytes:
    # The header's raw bytes: decoding them first would make another string of a key with an umlaut in it.
    scheme, _, key = dict(request.scope["headers"]).get(b"authorization", b"").partition(b" ")
    return bytes(key.strip()) if scheme.lower() == b"bearer" else b""
