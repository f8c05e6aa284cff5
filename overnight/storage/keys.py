"""Which keys an object may have. Ours are made in `overnight.domain.layout`; anything else is refused."""

from overnight.domain.errors import StorageError

RESERVED = ".incoming"
"""The first part that no key has: stores put there what is not yet an object."""


def require_key(key: str) -> str:
    """Return `key`. Raises StorageError if it could mean something else than an object of ours."""
    if not is_plain(key):
        raise StorageError("not a key of an object", key=key)
    return key


def is_plain(path: str) -> bool:
    """Tell whether a path means what it says to every store."""
    return _is_plain(path.split("/"))


def require_prefix(prefix: str) -> str:
    """Return `prefix`, which may end anywhere in a key. Raises StorageError as `require_key` does."""
    *folders, _last = prefix.split("/")
    if not _is_plain(folders):
        raise StorageError("not a prefix of a key", key=prefix)
    return prefix


def _is_plain(parts: list[str]) -> bool:
    return RESERVED not in parts[:1] and all(map(_is_name, parts))


def _is_name(part: str) -> bool:
    return part not in {"", ".", ".."} and "\0" not in part and "\\" not in part
