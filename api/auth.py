"""Who may call: whoever bears the master key, or anybody where there is none (on loopback only)."""

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

_bearer = HTTPBearer(auto_error=False, description="`general_settings.master_key`, if there is one")


def require_key(
    request: Request,
    gateway: TheGateway,
    _: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)],
) -> None:
    """Let the request pass, or raise Unauthorized, or a 403. The key that came is never repeated."""
    expected = gateway.settings.master_key
    if expected is None:
        refuse_foreign(request.headers)
        return
    # The header's raw bytes: decoding them first would make another string of a key with an umlaut in it.
    scheme, _, key = dict(request.scope["headers"]).get(b"authorization", b"").partition(b" ")
    if scheme.lower() != b"bearer" or not key.strip():
        raise Unauthorized(_NO_KEY)
    if not hmac.compare_digest(key.strip(), expected.encode()):
        raise Unauthorized
