"""V4 signed URLs of Google Cloud Storage's.

They are signed by a service account: with its key, if we have it, or else by Google's IAM, which the account
has to be allowed to ask. Nobody else can sign. Importing this file takes its time, so only those who need it
do, in a thread.
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from google.auth.credentials import Credentials, Scoped, Signing
from google.auth.exceptions import GoogleAuthError
from google.auth.iam import Signer
from google.auth.transport.requests import Request
from google.cloud.storage import Client

from overnight.domain.errors import CannotSign
from overnight.domain.presenting import content_disposition, content_type

GOOGLE = "https://storage.googleapis.com"

_NO_ACCOUNT = "URLs of Google Cloud Storage's are signed by service accounts, and this is nobody or a person"
_NOT_SIGNED = (
    "Google's IAM does not sign URLs for the service account: it takes the IAM Service Account Credentials "
    "API, and the role Service Account Token Creator (iam.serviceAccounts.signBlob) on itself"
)

_IAM_SCOPE = "https://www.googleapis.com/auth/iam"
_IAM_SECONDS = 10
"""How long IAM may be silent, while a client waits for its download."""


class GcsSigner:
    """Signs URLs of one bucket's objects, as one account."""

    def __init__(
        self,
        bucket: str,
        credentials: Credentials | None,
        *,
        endpoint_url: str = GOOGLE,
        request: Callable[..., Any] | None = None,
    ) -> None:
        self._endpoint_url = endpoint_url
        # What it asks is IAM, and whoever gives tokens for that.
        ask = request or partial(Request(), timeout=_IAM_SECONDS)
        self._signing = _signing(credentials, ask)
        # It asks nobody: it is what the library wants to know an object's address from.
        known: Any = Client(project="none", credentials=self._signing) if self._signing else None
        self._bucket = known.bucket(bucket) if known else None

    def sign(self, key: str, name: str, *, filename: str, expires_in: timedelta) -> str:
        """Return a URL of the object at `key`, for Google called `name`. It blocks. Raises CannotSign."""
        if self._bucket is None:
            raise CannotSign(_NO_ACCOUNT, key=key)
        try:
            signed: str = self._bucket.blob(name).generate_signed_url(
                version="v4",
                expiration=expires_in,
                api_access_endpoint=self._endpoint_url,
                credentials=self._signing,
                response_disposition=content_disposition(filename),
                response_type=content_type(filename),
            )
        except GoogleAuthError as error:  # IAM is asked while it signs.
            raise CannotSign(_NOT_SIGNED, key=key) from error
        return signed


class _SignedByIam(Credentials, Signing):
    """An account whose key is Google's to keep."""

    def __init__(self, credentials: Credentials, request: Callable[..., Any]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._credentials = credentials
        self._request = request

    @property
    def signer_email(self) -> str:
        # A machine's account is called "default" until its first token.
        if not self._credentials.valid:
            self.refresh(self._request)
        return _email(self._credentials)

    @property
    def signer(self) -> Signer:
        return Signer(self._request, self._credentials, self.signer_email)  # type: ignore[no-untyped-call]

    def sign_bytes(self, message: bytes) -> bytes:
        signature: bytes = self.signer.sign(message)
        return signature

    def refresh(self, request: Callable[..., Any]) -> None:
        self._credentials.refresh(request)  # type: ignore[no-untyped-call]


def _signing(credentials: Credentials | None, request: Callable[..., Any]) -> Signing | None:
    if credentials is None or isinstance(credentials, Signing):
        return credentials
    if not (_email(credentials) and isinstance(credentials, Scoped)):
        return None  # A person's, for instance.
    return _SignedByIam(credentials.with_scopes([_IAM_SCOPE]), request)  # type: ignore[no-untyped-call]


def _email(credentials: Credentials) -> str:
    return getattr(credentials, "service_account_email", None) or ""
