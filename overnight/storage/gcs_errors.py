"""What Google Cloud Storage's statuses mean, in our terms. Its messages stay behind: they name accounts."""

from collections.abc import Mapping

from overnight.domain.errors import StorageError, StorageUnavailable

NOT_FOUND = 404
NO_SUCH_RANGE = 416

_BY_STATUS: Mapping[int, str] = {
    400: "Google Cloud Storage does not take the request: is '{bucket}' the name of a bucket?",
    401: "Google Cloud Storage does not accept the credentials",
    403: "access to the Google Cloud Storage bucket '{bucket}' is denied; it takes the role Storage Object "
    "User (storage.objects.create, get, list and delete)",
    404: "there is no Google Cloud Storage bucket '{bucket}'",
}


def refusal(status: int, *, bucket: str, key: str) -> StorageError:
    """Return the error for an answer that is a no."""
    reason = _BY_STATUS.get(status)
    said = reason.format(bucket=bucket) if reason else f"Google Cloud Storage answered {status}"
    return StorageUnavailable(said, key=key)
