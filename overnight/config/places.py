"""Where bytes and rows live when nothing is said, and `database_url`."""

from pathlib import Path

from overnight.config.document import Place
from overnight.config.reading import Reading
from overnight.storage.settings import LocalStorageSettings

_SQLITE = "sqlite+aiosqlite:///"
_SQLITE_SPELLINGS = (_SQLITE, "sqlite:///")


def local_storage(data_dir: Path) -> LocalStorageSettings:
    """Return where bytes live when nothing is said."""
    return LocalStorageSettings(data_dir / "objects")


def default_database_url(data_dir: Path) -> str:
    """Return where rows live when nothing is said."""
    return f"{_SQLITE}{data_dir / 'catalog.db'}"


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
