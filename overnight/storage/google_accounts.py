"""As whom Google is asked: a service account, a workload's identity, or whatever google-auth finds."""

import json
from pathlib import Path
from typing import Any

import google.auth
from google.auth.credentials import Credentials
from google.oauth2 import service_account


def load_credentials(given: str | None, *, scope: str) -> Credentials:
    """Return the credentials in the file `given`, or in that JSON itself, or those of this machine (None).

    It reads files, may ask servers, and blocks. Raises DefaultCredentialsError, OSError or ValueError.
    """
    loaded: Credentials
    if given is None:
        loaded, _ = google.auth.default([scope])
        return loaded
    info = json.loads(given if given.lstrip().startswith("{") else Path(given).read_text("utf-8"))
    untyped: Any
    if isinstance(info, dict) and info.get("type") == "service_account":
        untyped = service_account.Credentials
        loaded = untyped.from_service_account_info(info, scopes=[scope])
    else:
        # Google warns of strangers' files, for what they make us ask. This one is the operator's.
        untyped = google.auth
        loaded, _ = untyped.load_credentials_from_dict(info, [scope])
    return loaded
