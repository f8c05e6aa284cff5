"""Service accounts of Google's that nobody has."""

import functools
import json

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def account(*, token_uri: str) -> str:
    """Return the JSON of an account whose key is exchanged for a token at `token_uri`."""
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "robot@my-project.iam.gserviceaccount.com",
            "private_key": _key(),
            "private_key_id": "1",
            "token_uri": token_uri,
        }
    )


@functools.cache
def _key() -> str:
    made = rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
    return made.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
