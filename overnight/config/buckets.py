"""`batch_storage_params` → where bytes live: a bucket of one of three kinds, or the local folder.

And whether clients fetch what they download from there themselves.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from overnight.config.addresses import fault_in
from overnight.config.document import Place
from overnight.config.places import local_storage
from overnight.config.reading import Reading
from overnight.config.schema import StorageParams
from overnight.storage.keys import is_plain
from overnight.storage.settings import (
    AzureBlobSettings,
    BucketSettings,
    GcsSettings,
    S3Settings,
    StorageSettings,
)

_KEY_VARIABLE = "AWS_ACCESS_KEY_ID"
_TOKEN_VARIABLE = "AWS_SESSION_TOKEN"  # noqa: S105 - its name, not what is in it
_KMS = "aws:kms"
_NOWHERE_TO = "needs a bucket; what is in a local folder comes through the gateway"


class _Kind(NamedTuple):
    name: str
    prefix: str
    bucket_key: str
    read: Callable[[Reading, StorageParams, Place], BucketSettings]


class Stored(NamedTuple):
    """Where bytes live, and whether clients are sent there for them."""

    storage: StorageSettings
    redirect_downloads: bool


def read_storage(reading: Reading, raw: object, place: Place, *, data_dir: Path) -> Stored:
    """Return where bytes live, or the local folder when `reading` has got a problem with what is said."""
    params = reading.section(StorageParams, raw, place) or StorageParams()
    given = params.model_dump(exclude_none=True)
    kinds = [kind for kind in _KINDS if any(key.startswith(kind.prefix) for key in given)]
    if len(kinds) > 1:
        reading.problem(place, f"one place only, but it names {' and '.join(kind.name for kind in kinds)}")
    if params.redirect_downloads and not kinds:
        reading.problem((*place, "redirect_downloads"), _NOWHERE_TO)
    storage = _bucket(reading, params, place, kinds[0]) if len(kinds) == 1 else None
    return Stored(storage or local_storage(data_dir), params.redirect_downloads)


def _bucket(reading: Reading, params: StorageParams, place: Place, kind: _Kind) -> BucketSettings | None:
    if kind.bucket_key not in params.model_dump(exclude_none=True):
        reading.problem((*place, kind.bucket_key), "is missing")
        return None
    return kind.read(reading, params, place)


def _s3(reading: Reading, params: StorageParams, place: Place) -> S3Settings:
    key_id, secret = params.s3_aws_access_key_id, params.s3_aws_secret_access_key
    if (key_id is None) is not (secret is None):
        missing = "s3_aws_access_key_id" if key_id is None else "s3_aws_secret_access_key"
        reading.problem((*place, missing), "is missing: a key id and its secret go together")
    if params.s3_endpoint_url and fault_in(params.s3_endpoint_url):
        reading.problem((*place, "s3_endpoint_url"), "should be a URL, as in https://host:port")
    return S3Settings(
        bucket=params.s3_bucket_name or "",
        region=params.s3_region_name,
        access_key_id=key_id,
        secret_access_key=secret,
        session_token=params.s3_aws_session_token or _token_of(key_id, reading.environ),
        endpoint_url=params.s3_endpoint_url,
        prefix=_prefix(reading, place, s3_prefix=params.s3_prefix, s3_path=params.s3_path),
        encryption=params.s3_server_side_encryption or (_KMS if params.s3_sse_kms_key_id else None),
        kms_key_id=params.s3_sse_kms_key_id,
    )


def _token_of(key_id: str | None, environ: Mapping[str, str]) -> str | None:
    # A key of the environment's may be one for a session, and is worth nothing without its token.
    return environ.get(_TOKEN_VARIABLE) if key_id and key_id == environ.get(_KEY_VARIABLE) else None


def _gcs(reading: Reading, params: StorageParams, place: Place) -> GcsSettings:
    return GcsSettings(
        bucket=params.gcs_bucket_name or "",
        prefix=_prefix(reading, place, gcs_prefix=params.gcs_prefix, gcs_path=params.gcs_path),
        credentials=params.gcs_path_service_account,
    )


def _azure_blob(reading: Reading, params: StorageParams, place: Place) -> AzureBlobSettings:
    if params.azure_storage_account_name is None and params.azure_storage_connection_string is None:
        what = "is missing; without it, azure_storage_connection_string has to say which account it is"
        reading.problem((*place, "azure_storage_account_name"), what)
    return AzureBlobSettings(
        container=params.azure_storage_container or "",
        account_name=params.azure_storage_account_name,
        account_key=params.azure_storage_account_key,
        connection_string=params.azure_storage_connection_string,
        prefix=_prefix(reading, place, azure_prefix=params.azure_prefix),
    )


def _prefix(reading: Reading, place: Place, **given: str | None) -> str:
    """Return the folders that all names begin with, ours of the names for it going before LiteLLM's."""
    for key, prefix in given.items():
        if bare := (prefix or "").strip("/"):
            if not is_plain(bare):
                reading.problem((*place, key), "should be folders, as in night/batches")
            return bare
    return ""


_KINDS = (
    _Kind("s3", "s3_", "s3_bucket_name", _s3),
    _Kind("gcs", "gcs_", "gcs_bucket_name", _gcs),
    _Kind("azure_blob", "azure_", "azure_storage_container", _azure_blob),
)
