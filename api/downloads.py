"""Who sends a file's bytes: the gateway, or the bucket they are in, to which clients are then redirected."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from overnight.domain.errors import CannotSign, StorageUnavailable
from overnight.domain.file import File
from overnight.storage.protocol import Storage
from overnight.storage.signing import SignsUrls, try_to_sign

GOOD_FOR = timedelta(minutes=5)
"""How long a URL can be used to begin a download. One that has begun goes on."""

ASK_AGAIN_AFTER = timedelta(minutes=5)
"""How long nobody tries to sign where it could not be done: it may take a request each time."""

_SHORTEST = timedelta(seconds=1)

_log = structlog.stdlib.get_logger(__name__)


class Downloads:
    """Has URLs signed if the operator wants it. Nothing of a URL is logged.

    Where it can't be done, for whatever reason, the gateway sends the bytes: a detour that is closed is no
    reason to fail.
    """

    def __init__(
        self,
        storage: Storage,
        *,
        redirected: bool,
        clock: Callable[[], datetime],
        ask_again_after: timedelta = ASK_AGAIN_AFTER,
    ) -> None:
        self._storage = storage
        self._signs = storage if redirected and isinstance(storage, SignsUrls) else None
        self._clock = clock
        self._pause = ask_again_after.total_seconds()
        self._not_before = 0.0
        self._told: str | None = None

    async def begin(self) -> None:
        """Have the log say at start how it will be, and not with the first download."""
        if self._signs is None:
            return
        try:
            await try_to_sign(self._storage)
        except (CannotSign, StorageUnavailable) as error:
            self._leave_it(error.reason)
        else:
            _log.info("downloads_are_redirected", good_for_seconds=GOOD_FOR.total_seconds())

    async def url_of(self, file: File) -> str | None:
        """Return where a client gets the bytes of `file`, or None where the gateway has to send them.

        The URL is of no use after the file has expired.
        """
        good_for = self._good_for(file)
        if self._signs is None or good_for < _SHORTEST or _now() < self._not_before:
            return None
        try:
            return await self._signs.signed_url(file.key, filename=file.filename, expires_in=good_for)
        except (CannotSign, StorageUnavailable) as error:
            self._leave_it(error.reason)
            return None

    def _good_for(self, file: File) -> timedelta:
        return GOOD_FOR if file.expires_at is None else min(GOOD_FOR, file.expires_at - self._clock())

    def _leave_it(self, why: str) -> None:
        self._not_before = _now() + self._pause
        if why != self._told:
            _log.warning("downloads_are_not_redirected", why=why, sent_by="the gateway")
            self._told = why


def _now() -> float:
    return asyncio.get_running_loop().time()
