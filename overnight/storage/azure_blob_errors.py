"""What Azure Blob says went wrong, in our terms. Its messages stay behind: they quote what was signed."""

from collections.abc import Mapping

from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ResourceNotFoundError,
)

from overnight.domain.errors import (
    BucketMissing,
    ObjectNotFound,
    StorageError,
    StorageRefused,
    StorageUnavailable,
)
from overnight.storage.settings import AzureBlobSettings

NO_SUCH_RANGE = 416
CHANGED = 412

_NOT_ALLOWED = (401, 403)

_NO_CONTAINER = "ContainerNotFound"
_DENIED = (
    "access to the Azure Blob container '{container}' is denied; it takes the role Storage Blob Data "
    "Contributor"
)
_NO_NAME = "no Azure Blob container can have the name '{container}'"
_MISSING = "there is no Azure Blob container '{container}'"
_BAD_KEY = "Azure does not accept the storage account's key"

_BY_CODE: Mapping[str, str] = {
    _NO_CONTAINER: _MISSING,
    "ContainerBeingDeleted": "the Azure Blob container '{container}' is being deleted",
    "InvalidResourceName": _NO_NAME,
    "AuthenticationFailed": _BAD_KEY,
    "InvalidAuthenticationInfo": "Azure does not accept the token of Entra ID",
    "KeyBasedAuthenticationNotPermitted": "the storage account takes no keys: leave it out to use Entra ID",
    "AccountIsDisabled": "the storage account is disabled",
}

_KINDS: Mapping[str, type[StorageUnavailable]] = {
    _MISSING: BucketMissing,
    _NO_NAME: BucketMissing,
    _DENIED: StorageRefused,
}
"""What each reason amounts to. Keys and tokens are set right without the container."""

_NO_CREDENTIALS = (
    "no Azure credentials were found: set azure_storage_account_key or azure_storage_connection_string, or "
    "give this process an identity"
)


def code_of(error: AzureError) -> str:
    """Return Azure's own code for what went wrong, which an answer to HEAD has too."""
    code = getattr(error, "error_code", None)
    return str(getattr(code, "value", code) or "")


def storage_error(error: AzureError, *, key: str, settings: AzureBlobSettings) -> StorageError:
    """Say in our terms what Azure refused, or why it could not be asked."""
    code = code_of(error)
    if isinstance(error, ResourceNotFoundError) and code != _NO_CONTAINER:
        return ObjectNotFound(key)
    reason = _reason(error, code, settings)
    return _KINDS.get(reason, StorageUnavailable)(reason.format(container=settings.container), key=key)


def _reason(error: AzureError, code: str, settings: AzureBlobSettings) -> str:
    if code in _BY_CODE:
        return _BY_CODE[code]
    if isinstance(error, HttpResponseError) and error.status_code:
        return _DENIED if error.status_code in _NOT_ALLOWED else f"Azure Blob answered {error.status_code}"
    if isinstance(error, ClientAuthenticationError):
        # Nobody was asked: a key is no key, or there is none and no identity.
        return _BAD_KEY if settings.account_key or settings.connection_string else _NO_CREDENTIALS
    return f"Azure Blob can't be reached: {type(error).__name__}"
