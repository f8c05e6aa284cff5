"""A deployment's corner of a bucket: where its jobs' inputs are, and where Vertex AI puts what it has made.

Every object is named by the tag of its job, so whatever is left of a shard is found by its name alone. What
messages and workflows call a file's id here is its `gs://` address; a folder's ends with a slash. A job goes
on to write where it was told to when the configuration names another bucket meanwhile, so results are read
and deleted where they are, as long as a tag of ours is in their address.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import suppress

import structlog

from overnight.domain.deployment import Deployment
from overnight.domain.errors import BucketMissing, ObjectNotFound, ProviderRefused, StorageRefused
from overnight.domain.job import Tag
from overnight.providers.complaints import named
from overnight.providers.protocol import Content
from overnight.storage.abreast import abreast
from overnight.storage.protocol import Storage

_RESULTS = ".results/"
_OURS = re.compile(r"gs://(?P<bucket>[^/]+)/(?P<key>(.+/)?[^/]+\.shard-\d{4,}\.job-\d+\.(jsonl|results/.*))")
_STATISTICS = "errors_stats"
_ON_THE_WAY = "/incremental_predictions/"

_log = structlog.stdlib.get_logger(__name__)

Stores = Callable[[str], Storage]
"""Opens the bucket of a name, whole."""


class VertexBucket:
    """The objects below `prefix` in `bucket`, and those of running jobs wherever they are."""

    def __init__(self, stores: Stores, *, bucket: str, prefix: str = "") -> None:
        self._stores = stores
        self._bucket = bucket
        self._prefix = prefix
        self._address = f"gs://{bucket}/{prefix}"

    async def put(self, tag: Tag, content: Content) -> str:
        """Write a job's input, whole or not at all; return its address. Raises StorageError."""
        await self._stores(self._bucket).put(self.key_of(tag), content())
        return self._address + tag.filename

    async def has_input(self, tag: Tag) -> bool:
        """Tell whether the input of the job with this tag is there. Raises StorageError."""
        try:
            await self._stores(self._bucket).size(self.key_of(tag))
        except ObjectNotFound:
            return False
        return True

    def key_of(self, tag: Tag) -> str:
        """Return what the bucket calls the input of the job with this tag."""
        return self._prefix + tag.filename

    def input_of(self, tag: Tag) -> str:
        """Return where the input of the job with this tag is to be."""
        return self._address + tag.filename

    def results_of(self, tag: Tag) -> str:
        """Return the folder that the results of the job with this tag go to."""
        return self._address + tag.filename.removesuffix(".jsonl") + _RESULTS

    async def left_of(self, tag: Tag) -> list[str]:
        """Return what is there of the tag's shard: inputs, and folders of results. Raises StorageError.

        Where there is no bucket, that is nothing.
        """
        found: dict[str, None] = {}
        with suppress(BucketMissing):
            async for each in self._stores(self._bucket).list(self._prefix + tag.filenames_of_shard):
                name, slash, _ = each.key.removeprefix(self._prefix).partition("/")
                found[self._address + name + slash] = None
        return list(found)

    async def results_in(self, folder: str) -> AsyncGenerator[AsyncIterator[bytes], None]:
        """Yield the content of each file of results below a folder of ours. Raises StorageError."""
        place = self._place(folder)
        if place is None:
            return
        storage, prefix = place
        keys: list[str] = []
        with suppress(BucketMissing):
            keys = [found.key async for found in storage.list(prefix)]
        for key in _with_results(keys):
            yield storage.get(key)

    async def delete(self, address: str) -> None:
        """Remove an object, or all that is in a folder; what is gone, or not ours, is fine.

        Raises StorageError.
        """
        place = self._place(address)
        if place is None:
            _log.warning("not deleted, for it bears no tag of ours", address=address)
            return
        storage, key = place
        with suppress(BucketMissing):
            if not key.endswith("/"):
                await storage.delete(key)
                return
            await abreast([found.key async for found in storage.list(key)], storage.delete)

    def _place(self, address: str) -> tuple[Storage, str] | None:
        """Return where an address is; None if it bears no tag of ours, so that it is none of our affair."""
        ours = _OURS.fullmatch(address)
        return (self._stores(ours["bucket"]), ours["key"]) if ours else None


def bucket_refused(error: StorageRefused, deployment: Deployment) -> ProviderRefused:
    """Return the refusal that a bucket's no amounts to, which says what somebody has to do."""
    if isinstance(error, BucketMissing):
        code, remedy = "bucket_not_found", "Create it, or name another one"
    else:
        code, remedy = (
            "bucket_refused",
            f"Give it to the account from {deployment.key_source}, or name another",
        )
    said = f"{named(deployment)} can't use its bucket: {error.reason}. {remedy} in gcs_bucket_name."
    return ProviderRefused(said, code=code)


def _with_results(keys: Sequence[str]) -> list[str]:
    """Return what may hold rows: all but statistics, since models differ in how they call their files.

    Copies of what was exported while the job ran may lie beside them, or, where it broke off, alone.
    """
    rows = [key for key in keys if _STATISTICS not in key.rpartition("/")[2]]
    return [key for key in rows if _ON_THE_WAY not in key] or rows
