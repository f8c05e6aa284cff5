"""What the tests ask of a bucket, whoever's it is."""

from typing import Protocol

from overnight.storage.opening import BucketStorage
from overnight.storage.sending import PART_BYTES


class Bucket(Protocol):
    """An empty bucket of its own, on a server that others use too."""

    @property
    def port(self) -> int:
        """Where its server is."""
        ...

    @property
    def read_at_once(self) -> int:
        """How many bytes have to arrive together to be of use, or 0."""
        ...

    @property
    def can_be_told_to_give_up(self) -> bool:
        """Whether a store can have it forget an upload that came to nothing."""
        ...

    def storage(
        self,
        *,
        port: int | None = None,
        name: str | None = None,
        prefix: str = "",
        part_bytes: int = PART_BYTES,
    ) -> BucketStorage:
        """Return a store in it, or in another bucket of that name; reached by its port, or by another."""
        ...

    def names(self) -> list[str]:
        """Return what is in it, as the vendor's own SDK sees it."""
        ...

    def write(self, name: str, content: bytes) -> None:
        """Write an object with the vendor's own SDK."""
        ...

    def unfinished(self) -> int:
        """Return how many uploads were begun and neither ended nor given up."""
        ...

    def last_request_of(self, name: str, size: int) -> bytes:
        """Return what only the last request of an upload in parts has in it."""
        ...
