"""A deployment's corner of a bucket: where its jobs' inputs are, and where Vertex AI puts what it has made.

Every object is named by the tag of its job, so whatever is left of a shard is found by its name alone. What
messages and workflows call a file's id here is its `gs://` address; a folder's ends with a slash.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Sequence

from overnight.domain.errors import ObjectNotFound
from overnight.domain.job import Tag
from overnight.providers.protocol import Content
from overnight.storage.protocol import Storage

_RESULTS = ".results/"
_ROWS = re.compile(r"(predictions|errors).*\.jsonl")
_ON_THE_WAY = "/incremental_predictions/"


class VertexBucket:
    """The objects below `address`, as in `gs://bucket/prefix/`; `storage` reaches them without it."""

    def __init__(self, storage: Storage, *, address: str) -> None:
        self._storage = storage
        self._address = address

    async def put(self, tag: Tag, content: Content) -> str:
        """Write a job's input, whole or not at all; return its address. Raises StorageError."""
        await self._storage.put(tag.filename, content())
        return self._address + tag.filename

    async def has_input(self, tag: Tag) -> bool:
        """Tell whether the input of the job with this tag is there. Raises StorageError."""
        try:
            await self._storage.size(tag.filename)
        except ObjectNotFound:
            return False
        return True

    def input_of(self, tag: Tag) -> str:
        """Return where the input of the job with this tag is to be."""
        return self._address + tag.filename

    def results_of(self, tag: Tag) -> str:
        """Return the folder that the results of the job with this tag go to."""
        return self._address + tag.filename.removesuffix(".jsonl") + _RESULTS

    async def left_of(self, tag: Tag) -> list[str]:
        """Return what is there of the tag's shard: inputs, and folders of results. Raises StorageError."""
        found: dict[str, None] = {}
        async for each in self._storage.list(tag.filenames_of_shard):
            name, slash, _ = each.key.partition("/")
            found[self._address + name + slash] = None
        return list(found)

    async def results_in(self, folder: str) -> AsyncGenerator[AsyncIterator[bytes], None]:
        """Yield the content of each file of results below a folder. Raises StorageError."""
        keys = [found.key async for found in self._storage.list(self._key(folder))]
        for key in _with_results(keys):
            yield self._storage.get(key)

    async def delete(self, address: str) -> None:
        """Remove an object, or all that is in a folder; what is gone is fine. Raises StorageError."""
        key = self._key(address)
        if not key.endswith("/"):
            await self._storage.delete(key)
            return
        for doomed in [found.key async for found in self._storage.list(key)]:
            await self._storage.delete(doomed)

    def _key(self, address: str) -> str:
        if not address.startswith(self._address) or address == self._address:
            # Vertex has been told where to write, and nothing else is ours to read or to delete.
            raise ObjectNotFound(address)
        return address.removeprefix(self._address)


def _with_results(keys: Sequence[str]) -> list[str]:
    """Return what holds rows: predictions, and errors where these are apart, but no statistics of either.

    Copies of what was exported while the job ran may lie beside them, or, where it broke off, alone.
    """
    rows = [key for key in keys if _ROWS.fullmatch(key.rpartition("/")[2])]
    return [key for key in rows if _ON_THE_WAY not in key] or rows
