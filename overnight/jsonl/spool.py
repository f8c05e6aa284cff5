"""Records set aside on disk, to be read again in the order they came."""

from collections.abc import Iterator
from io import BufferedWriter
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")

_LENGTH_BYTES = 4
_encode = msgspec.msgpack.Encoder().encode


class Spool(Generic[T]):
    """A file of records of one type. All are written first; reading begins with the first iteration."""

    def __init__(self, path: Path, record: type[T]) -> None:
        self._path = path
        self._decoder = msgspec.msgpack.Decoder(record)
        self._writer: BufferedWriter | None = None

    def append(self, record: T) -> None:
        """Set `record` aside."""
        # Opened late: of the many spools of a batch's partitions, most stay empty.
        if self._writer is None:
            self._writer = self._path.open("wb")
        encoded = _encode(record)
        self._writer.write(len(encoded).to_bytes(_LENGTH_BYTES, "big"))
        self._writer.write(encoded)

    def close(self) -> None:
        """End the writing."""
        if self._writer is not None:
            self._writer.close()

    def __iter__(self) -> Iterator[T]:
        self.close()
        if self._writer is None:
            return
        with self._path.open("rb") as reader:
            while length := reader.read(_LENGTH_BYTES):
                yield self._decoder.decode(reader.read(int.from_bytes(length, "big")))
