"""The secret that OpenAI signs its webhooks with, and where clients' webhooks may go."""

import base64
import binascii
from collections.abc import Sequence

from overnight.config.document import Place
from overnight.config.reading import Reading
from overnight.config.vendors import OPENAI_WEBHOOK_SECRETS, value_of
from overnight.webhooks.addresses import AllowedHosts

_PREFIX = "whsec_"


def read_webhook_secret(reading: Reading, given: str | None, place: Place) -> str | None:
    """Return the secret as OpenAI gave it, or None when there is none, so that no webhook is believed."""
    secret = given or value_of(reading.environ, OPENAI_WEBHOOK_SECRETS)
    if secret and not can_sign(secret):
        reading.problem(place, f"should be what OpenAI shows when a webhook is made, {_PREFIX}…")
    return secret


def read_webhook_hosts(reading: Reading, given: Sequence[str] | None, place: Place) -> AllowedHosts:
    """Return the hosts and networks, beside the internet's, that webhooks may be sent to."""
    try:
        return AllowedHosts.parse(given or ())
    except ValueError as error:
        reading.problem(place, f"should list hosts, addresses and networks, as in 10.0.0.0/8; {error}")
        return AllowedHosts()


def can_sign(secret: str) -> bool:
    """Tell whether a secret is one that webhooks can be signed with: base64, perhaps behind `whsec_`."""
    try:
        return bool(base64.b64decode(secret.removeprefix(_PREFIX), validate=True))
    except binascii.Error:
        return False
