"""Service accounts of Google's that nobody has."""

import functools
import json

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

EMAIL = "robot@my-project.iam.gserviceaccount.com"
TOKEN = '{"access_token": "token-of-the-hour", "expires_in": 3600, "token_type": "Bearer"}'
"""What is said at a `token_uri`."""


def account(*, token_uri: str) -> str:
    """Return the JSON of an account whose key is exchanged for a token at `token_uri`."""
    plain = serialization.NoEncryption()
    pem = private_key().private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    return json.dumps(
        {
            "type": "service_account",
            "client_email": EMAIL,
            "private_key": pem.decode(),
            "private_key_id": "1",
            "token_uri": token_uri,
        }
    )


@functools.cache
def private_key() -> rsa.RSAPrivateKey:
    """Return the account's key, of which there is one a process: making it takes its time."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)
