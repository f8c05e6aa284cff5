"""Schemas as they were translated last: a batch has mostly the same few, and each takes a while."""

import msgspec

Key = tuple[bytes, str, int, bool]
"""A schema as it was written, and how it was to be translated."""

_MOST = 256
_LARGEST = 64 * 2**10
"""In bytes, of a schema and what became of it together. A process keeps them for as long as it lives, and
clients write them, so those that are larger are translated anew each time."""


class KeptSchemas:
    """The last few of them; those that came first make room."""

    def __init__(self) -> None:
        self._kept: dict[Key, msgspec.Raw] = {}

    def get(self, key: Key) -> msgspec.Raw | None:
        """Return what became of a schema, if it is still known."""
        return self._kept.get(key)

    def keep(self, key: Key, translated: msgspec.Raw) -> None:
        """Keep what became of a schema, unless it is large."""
        schema, param, *_ = key
        if len(schema) + len(param) + len(bytes(translated)) > _LARGEST:
            return
        self._kept[key] = translated
        if len(self._kept) > _MOST:
            del self._kept[next(iter(self._kept))]
