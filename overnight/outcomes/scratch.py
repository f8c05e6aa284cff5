"""Bounded room to sort on: in memory while it is little, in an unnamed local file when it is much.

Nothing here needs to survive anything: what is lost with the process is made again from the checkpoints.
"""

from collections.abc import AsyncIterator
from tempfile import SpooledTemporaryFile
from types import TracebackType
from typing import Self

from overnight.domain.errors import StorageFull

_IN_MEMORY_BYTES = 8 * 2**20
_BLOCK_BYTES = 256 * 2**10


class Scratch:
    """Bytes put one after the other and read again from anywhere. Gone when its `with` block is."""

    def __init__(self) -> None:
        self._file = SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - __exit__ closes it
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def append(self, data: bytes) -> int:
        """Put `data` at the end and return the offset it is at. Raises StorageFull."""
        offset = self.size
        try:
            self._file.seek(offset)
            self._file.write(data)
        except OSError as error:
            raise StorageFull("no room to sort results on the local disk", key="scratch") from error
        self.size += len(data)
        return offset

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`."""
        self._file.seek(offset)
        return self._file.read(length)

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield everything, in order."""
        for offset in range(0, self.size, _BLOCK_BYTES):
            yield self.read(offset, min(_BLOCK_BYTES, self.size - offset))
