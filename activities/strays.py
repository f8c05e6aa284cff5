"""Which row an object should have: the kinds of objects that there are, and how their rows are asked for."""

from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass

from overnight.catalog import Catalog
from overnight.domain import layout
from overnight.storage.protocol import FoundObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """Objects that begin alike: `owner` is the id in a key, `unknown` says which of those have no row."""

    name: str
    prefix: Callable[[str], str]
    owner: Callable[[str], str]
    unknown: Callable[[Collection[str]], Awaitable[set[str]]]

    async def strays_among(self, objects: Sequence[FoundObject]) -> list[FoundObject]:
        """Return the objects that no row knows."""
        unknown = await self.unknown({self.owner(each.key) for each in objects})
        return [each for each in objects if self.owner(each.key) in unknown]


def kinds(catalog: Catalog) -> tuple[Kind, ...]:
    """Return the kinds of objects that have rows in `catalog`."""
    return (
        Kind(
            name="files",
            prefix=layout.file_section,
            owner=layout.file_id_of,
            unknown=catalog.unknown_files,
        ),
        Kind(
            name="parts of uploads",
            prefix=layout.upload_section,
            owner=layout.part_id_of,
            unknown=catalog.unknown_parts,
        ),
        Kind(
            name="what batches run on",
            prefix=layout.work_section,
            owner=layout.batch_id_of,
            unknown=catalog.unknown_batches,
        ),
    )
