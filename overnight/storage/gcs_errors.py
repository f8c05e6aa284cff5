"""What gcsfs raises, in our terms. Google's messages stay behind: they name accounts."""

from collections.abc import Mapping
from json import JSONDecodeError

from aiohttp import ClientError
from gcsfs.retry import HttpError, NonRetryableError
from google.auth.exceptions import GoogleAuthError

from overnight.domain.errors import StorageUnavailable

FAILURES = (ClientError, GoogleAuthError, HttpError, NonRetryableError, OSError, ValueError)
"""All that gcsfs raises when it is not told yes."""

_BY_STATUS: Mapping[int, str] = {
    400: "Google Cloud Storage does not take the request: is '{bucket}' the name of a bucket?",
    401: "Google Cloud Storage does not accept the credentials",
    403: "access to the Google Cloud Storage bucket '{bucket}' is denied; it takes the role Storage Object "
    "User (storage.objects.create, get, list and delete)",
    404: "there is no Google Cloud Storage bucket '{bucket}'",
}


def storage_error(error: Exception, *, bucket: str, key: str) -> StorageUnavailable:
    """Say in our terms what Google refused, or why it could not be asked."""
    return StorageUnavailable(_reason(error).format(bucket=bucket), key=key)


def _reason(error: Exception) -> str:
    if isinstance(cause := error.__cause__ or error, GoogleAuthError):
        return f"Google gives no token for these credentials: {type(cause).__name__}"
    status = _status(error)
    if status is None:
        return f"Google Cloud Storage can't be reached: {type(error).__name__}"
    return _BY_STATUS.get(status, f"Google Cloud Storage answered {status}")


def _status(error: Exception) -> int | None:
    """Return the status of the answer, which gcsfs tells by kinds of exceptions, and by words."""
    if isinstance(error, HttpError):
        return int(error.code) if error.code else None
    if isinstance(error, FileNotFoundError):
        return 404
    if isinstance(error, OSError) and str(error).startswith("Forbidden"):
        return 403
    if isinstance(error, ValueError) and not isinstance(error, (ClientError, JSONDecodeError)):
        return 400
    return None
