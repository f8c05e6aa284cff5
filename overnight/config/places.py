"""Where bytes and rows live: `batch_storage_params` and `database_url`."""

from pathlib import Path
from typing import NamedTuple

from overnight.config.document import Place
from overnight.config.reading import Reading
from overnight.config.schema import StorageParams
from overnight.config.settings import BucketStorageSettings, LocalStorageSettings

_SQLITE = "sqlite+aiosqlite:///"
_SQLITE_SPELLINGS = (_SQLITE, "sqlite:///")


class _Kind(NamedTuple):
    name: str
    prefix: str
    bucket_key: str


_KINDS = (
    _Kind("s3", "s3_", "s3_bucket_name"),
    _Kind("gcs", "gcs_", "gcs_bucket_name"),
    _Kind("azure_blob", "azure_", "azure_storage_container"),
)

NO_BUCKETS_YET = (
    "batch_storage_params: this version keeps bytes in a local folder and can't use the bucket '{bucket}' "
    "({kind}); `overnight serve` refuses to start until batch_storage_params is left out."
)


def local_storage(data_dir: Path) -> LocalStorageSettings:
    """Return where bytes live when nothing is said."""
    return LocalStorageSettings(data_dir / "objects")


def default_database_url(data_dir: Path) -> str:
    """Return where rows live when nothing is said."""
    return f"{_SQLITE}{data_dir / 'catalog.db'}"


def read_storage(
    reading: Reading, raw: object, place: Place, *, data_dir: Path
) -> LocalStorageSettings | BucketStorageSettings:
    """Return where bytes live, or the local folder when `reading` has got a problem with what is said."""
    params = reading.section(StorageParams, raw, place)
    given = params.model_dump(exclude_none=True) if params else {}
    kinds = [kind for kind in _KINDS if any(key.startswith(kind.prefix) for key in given)]
    if len(kinds) > 1:
        reading.problem(place, f"one place only, but it names {' and '.join(kind.name for kind in kinds)}")
    if len(kinds) != 1:
        return local_storage(data_dir)
    (kind,) = kinds
    if kind.bucket_key not in given:
        reading.problem((*place, kind.bucket_key), "is missing")
    storage = BucketStorageSettings(kind.name, given.get(kind.bucket_key, ""))
    reading.warnings.append(NO_BUCKETS_YET.format(bucket=storage.bucket, kind=storage.kind))
    return storage


def read_database_url(reading: Reading, url: str | None, place: Place, *, data_dir: Path) -> str:
    """Return where rows live. The URL itself is never quoted: it may hold a password."""
    if url is None:
        return default_database_url(data_dir)
    for spelling in _SQLITE_SPELLINGS:
        path = url.removeprefix(spelling)
        if path not in (url, "", ":memory:"):
            return f"{_SQLITE}{path}"
    what = f"this version keeps rows in an SQLite file; leave it out, or say {_SQLITE}<path>"
    reading.problem(place, what)
    return default_database_url(data_dir)
