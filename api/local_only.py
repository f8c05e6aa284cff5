"""Without a master key the gateway trusts whoever is on this machine; this keeps web pages out.

A page from anywhere, open in a browser on this machine, can send requests to loopback, and with a name of
its own that resolves to loopback it could read the answers too. Such requests say so in Host or Origin.
"""

from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException

from overnight.config.addresses import is_loopback

_FOREIGN = (
    "Without a master key only programs on this machine may call: use localhost or 127.0.0.1, or set "
    "general_settings.master_key."
)


def refuse_foreign(headers: Headers) -> None:
    """Raise a 403 unless Host, and Origin if there is one, are this machine's loopback."""
    origin = headers.get("origin")
    if not _is_here(f"//{headers.get('host', '')}") or (origin is not None and not _is_here(origin)):
        raise HTTPException(403, _FOREIGN)


def _is_here(url: str) -> bool:
    try:
        return is_loopback(urlsplit(url).hostname or "")
    except ValueError:
        return False
