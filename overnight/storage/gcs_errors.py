"""What gcsfs raises, in our terms. Google's messages stay behind: they name accounts."""

import re
from collections.abc import Mapping
from json import JSONDecodeError

from aiohttp import ClientError
from gcsfs.retry import HttpError, NonRetryableError
from google.auth.exceptions import GoogleAuthError

from overnight.domain.errors import BucketMissing, StorageRefused, StorageUnavailable

FAILURES = (ClientError, GoogleAuthError, HttpError, NonRetryableError, OSError, ValueError)
"""All that gcsfs raises when it is not told yes."""

_BY_STATUS: Mapping[int, str] = {
    400: "Google Cloud Storage does not take the request",
    401: "Google Cloud Storage does not accept the credentials",
    403: "access to the Google Cloud Storage bucket '{bucket}' is denied; it takes the role Storage Object "
    "User (storage.objects.create, get, list and delete)",
    404: "there is no Google Cloud Storage bucket '{bucket}'",
}

_KINDS: Mapping[int | None, type[StorageUnavailable]] = {403: StorageRefused, 404: BucketMissing}
"""What each status amounts to. A 401 may be a token that ended before its time."""

_FORBIDDEN = "Forbidden"
_TOO_MANY_REQUESTS = 429
_TOO_MUCH = re.compile(r"rate limit|quota", re.IGNORECASE)
_NAME = re.compile(r"bucket name", re.IGNORECASE)
_NO_NAME = "no Google Cloud Storage bucket can have the name '{bucket}'"


def storage_error(error: Exception, *, bucket: str, key: str) -> StorageUnavailable:
    """Say in our terms what Google refused, or why it could not be asked."""
    if isinstance(cause := error.__cause__ or error, GoogleAuthError):
        said = f"Google gives no token for these credentials: {type(cause).__name__}"
        return StorageUnavailable(said, key=key)
    status = _status(error)
    if status == 400 and _NAME.search(_said(error)):
        return BucketMissing(_NO_NAME.format(bucket=bucket), key=key)
    return _KINDS.get(status, StorageUnavailable)(_reason(error, status).format(bucket=bucket), key=key)


def _reason(error: Exception, status: int | None) -> str:
    if status is None:
        return f"Google Cloud Storage can't be reached: {type(error).__name__}"
    return _BY_STATUS.get(status, f"Google Cloud Storage answered {status}")


def _status(error: Exception) -> int | None:
    """Return the status of the answer, which gcsfs tells by kinds of exceptions, and by words."""
    if isinstance(error, HttpError):
        return int(error.code) if error.code else None
    if isinstance(error, FileNotFoundError):
        return 404
    if isinstance(error, OSError) and str(error).startswith(_FORBIDDEN):
        # Asking too often can be forbidden as well.
        return _TOO_MANY_REQUESTS if _TOO_MUCH.search(_said(error)) else 403
    if isinstance(error, ValueError) and not isinstance(error, (ClientError, JSONDecodeError)):
        return 400
    return None


def _said(error: Exception) -> str:
    """Return Google's own words. In some kinds of exceptions gcsfs has a line of its own before them."""
    _, _, said = str(error).partition("\n")
    return said or str(error)
