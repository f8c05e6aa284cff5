"""Where bytes and rows live when nothing is said, and `database_url`."""

from datetime import timedelta
from pathlib import Path

from overnight.config.document import Place
from overnight.config.reading import Reading
from overnight.config.schema import GeneralSettings
from overnight.domain.database_url import is_postgres, read_postgres, with_pool
from overnight.domain.errors import InvalidConfig
from overnight.storage.settings import LocalStorageSettings

_SQLITE = "sqlite+aiosqlite:///"
_SQLITE_SPELLINGS = (_SQLITE, "sqlite:///")
_EITHER = f"should be postgresql://user:password@host:port/database, or {_SQLITE}<path> for an SQLite file"


def local_storage(data_dir: Path) -> LocalStorageSettings:
    """Return where bytes live when nothing is said."""
    return LocalStorageSettings(data_dir / "objects")


def default_database_url(data_dir: Path) -> str:
    """Return where rows live when nothing is said."""
    return f"{_SQLITE}{data_dir / 'catalog.db'}"


def read_database_url(reading: Reading, general: GeneralSettings, place: Place, *, data_dir: Path) -> str:
    """Return where rows live. The URL itself is never quoted: it may hold a password."""
    url = general.database_url
    if url is None:
        return default_database_url(data_dir)
    for spelling in _SQLITE_SPELLINGS:
        path = url.removeprefix(spelling)
        if path not in (url, "", ":memory:"):
            return f"{_SQLITE}{path}"
    if not is_postgres(url):
        reading.problem(place, _EITHER)
        return default_database_url(data_dir)
    try:
        reading.warnings.extend(read_postgres(url).warnings)
    except InvalidConfig as problem:
        reading.problem(place, problem.message)
        return default_database_url(data_dir)
    timeout = general.database_connection_timeout
    wait = None if timeout is None else timedelta(seconds=timeout)
    return with_pool(url, size=general.database_connection_pool_limit, timeout=wait)
