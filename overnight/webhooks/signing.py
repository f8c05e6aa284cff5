"""Signatures as Standard Webhooks has them, which OpenAI's SDK checks. Source: standardwebhooks.com."""

import base64
import binascii
import secrets
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

_PREFIX = "whsec_"
_SECRET_BYTES = 32
_FEWEST_BYTES, _MOST_BYTES = 24, 64


def new_secret() -> str:
    """Return a secret that nobody knows yet."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def is_secret(text: str) -> bool:
    """Whether a client's own secret can be used: `whsec_` and 24 to 64 bytes in base64."""
    if not text.startswith(_PREFIX):
        # OpenAI's SDK would take such a one as it stands, and others would decode it.
        return False
    try:
        size = len(base64.b64decode(text.removeprefix(_PREFIX), validate=True))
    except (binascii.Error, ValueError):
        return False
    return _FEWEST_BYTES <= size <= _MOST_BYTES


def signed_headers(
    body: str, *, delivery_id: str, at: datetime, secrets_now: Sequence[str]
) -> dict[str, str]:
    """Return the headers that say who sent `body`, and when. Each secret makes one signature."""
    signatures = (Webhook(secret).sign(delivery_id, at, body) for secret in secrets_now)
    return {
        "webhook-id": delivery_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }
