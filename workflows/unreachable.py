"""Why Temporal can't be reached, in words. The SDK says it in those of the libraries that it is made of."""

from collections.abc import Mapping

_REASONS: Mapping[str, str] = {
    "ConnectionRefused": "nobody listens there",
    "dns error": "there is no host of that name",
    "UnknownIssuer": "whoever signed its certificate is not trusted here (TEMPORAL_TLS_SERVER_CA_CERT_PATH)",
    "NotValidForName": "its certificate is for another name (TEMPORAL_TLS_SERVER_NAME)",
    "InvalidCertificate": "its certificate is not valid",
    "InvalidContentType": "it does not speak TLS (TEMPORAL_TLS)",
    "PrivateKeyParseError": "the client's key can't be read (TEMPORAL_TLS_CLIENT_KEY_PATH)",
    "CertificateParseError": "a certificate can't be read",
    "code: Unauthenticated": "it does not accept the API key (TEMPORAL_API_KEY)",
    "code: PermissionDenied": "whoever has this API key or certificate may not use it",
    "after connection": "it ended the connection, as one does that wants TLS, or another client certificate",
}
"""What is found in the SDK's words, the most telling first."""

_NOTHING_KNOWN = "the connection failed"


def why_unreachable(error: RuntimeError) -> str:
    """Return why the SDK could not connect. Of its own words none are repeated: they may quote a key."""
    said = str(error)
    return next((reason for mark, reason in _REASONS.items() if mark in said), _NOTHING_KNOWN)
