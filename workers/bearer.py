"""Who shows a key at a process's own port."""

import hmac

from aiohttp import web


def shows(request: web.Request, key: str) -> bool:
    """Return whether the request bears that key."""
    scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
    # Bytes that are no UTF-8 are a wrong key like any other.
    given = shown.strip().encode(errors="surrogateescape")
    return scheme.lower() == "bearer" and hmac.compare_digest(given, key.encode())
