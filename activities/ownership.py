"""Whose store it is. To any other catalog everything in it is a stray, and none of it is to be removed."""

from collections.abc import AsyncIterator

import structlog

from activities.strays import Kind
from overnight.catalog import Catalog
from overnight.domain import layout
from overnight.domain.errors import ObjectNotFound
from overnight.storage.protocol import FoundObject, Storage

_LOOKED_AT = 500
"""How many objects of each kind are looked at in a store that is nobody's yet."""

_FOREIGN = "the store belongs to another catalog; what this one does not know is not removed"
_STRANGE = "most of what the store holds this catalog does not know; nothing of that is removed"

_log = structlog.stdlib.get_logger(__name__)


class Ownership:
    """Says whether a store is a catalog's own. One that is nobody's and holds nothing strange becomes so."""

    def __init__(self, *, catalog: Catalog, storage: Storage, kinds: tuple[Kind, ...]) -> None:
        self._catalog = catalog
        self._storage = storage
        self._kinds = kinds
        self._said: str | None = None

    async def is_ours(self) -> bool:
        """Tell whether the store is this catalog's. Raises StorageError and CatalogUnavailable."""
        problem = await self._problem(await self._catalog.installation_id())
        if problem and problem != self._said:
            _log.warning(problem)
        self._said = problem
        return problem is None

    async def _problem(self, ours: str) -> str | None:
        owner = await self._owner()
        if owner is None:
            if await self._is_strange():
                return _STRANGE
            await self._storage.put(layout.OWNER_KEY, _stream(ours))
            # Another may have put its own there in the same moment.
            owner = await self._owner()
        return None if owner == ours else _FOREIGN

    async def _owner(self) -> str | None:
        try:
            return b"".join([block async for block in self._storage.get(layout.OWNER_KEY)]).decode()
        except ObjectNotFound:
            return None

    async def _is_strange(self) -> bool:
        """Tell whether there is more that has no row than that has one; kills may leave something behind."""
        found = strays = 0
        for kind in self._kinds:
            objects = await self._first(kind.prefix(""))
            found += len(objects)
            strays += len(await kind.strays_among(objects))
        return 2 * strays > found

    async def _first(self, prefix: str) -> list[FoundObject]:
        objects: list[FoundObject] = []
        async for found in self._storage.list(prefix):
            objects.append(found)
            if len(objects) == _LOOKED_AT:
                break
        return objects


async def _stream(text: str) -> AsyncIterator[bytes]:
    yield text.encode()
