"""The secret that OpenAI signs its webhooks with."""

import base64
import binascii

from overnight.config.document import Place
from overnight.config.reading import Reading
from overnight.config.vendors import OPENAI_WEBHOOK_SECRETS, value_of

_PREFIX = "whsec_"


def read_webhook_secret(reading: Reading, given: str | None, place: Place) -> str | None:
    """Return the secret as OpenAI gave it, or None when there is none, so that no webhook is believed."""
    secret = given or value_of(reading.environ, OPENAI_WEBHOOK_SECRETS)
    if secret and not _can_sign(secret):
        reading.problem(place, f"should be what OpenAI shows when a webhook is made, {_PREFIX}…")
    return secret


def _can_sign(secret: str) -> bool:
    try:
        return bool(base64.b64decode(secret.removeprefix(_PREFIX), validate=True))
    except binascii.Error:
        return False
