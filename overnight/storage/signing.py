"""What a bucket can do and a folder can't: let somebody fetch an object by a URL, for a while, without us.

Whoever has such a URL may read the object, so it is a secret and belongs in no log and in no error.
"""

from datetime import timedelta
from typing import Protocol, runtime_checkable

from overnight.domain.errors import CannotSign
from overnight.storage.protocol import Storage

_NOBODYS = "health/signed"
"""The key of an object that is never there."""


@runtime_checkable
class SignsUrls(Protocol):
    """A capability that a Storage may have beside its verbs."""

    async def signed_url(self, key: str, *, filename: str, expires_in: timedelta) -> str:
        """Return a URL from which the object comes as a file of that name, and which is good for GET alone.

        Nobody looks whether there is such an object. Raises CannotSign, which says what it would take, and
        StorageUnavailable.
        """
        ...


async def try_to_sign(storage: Storage) -> None:
    """Raise CannotSign or StorageUnavailable unless `storage` signs URLs. What is signed is thrown away."""
    if not isinstance(storage, SignsUrls):
        raise CannotSign("what is in a local folder has no URL", key=_NOBODYS)
    await storage.signed_url(_NOBODYS, filename="nothing", expires_in=timedelta(seconds=1))
