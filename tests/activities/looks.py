"""A step that looks for something again and again; each try knows what the one before has left."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Generic, TypeVar

import pytest

from activities.missed import ENOUGH_LOOKS
from overnight.domain.errors import ProviderUnavailable
from tests.activities.shop import Shop

Order = TypeVar("Order")
Outcome = TypeVar("Outcome")


class Looks(Generic[Order, Outcome]):
    """The attempts of one step, between which time may pass."""

    def __init__(self, shop: Shop, step: Callable[[Order], Awaitable[Outcome]], order: Order) -> None:
        self._shop, self._step, self._order = shop, step, order
        self._attempt = 0
        self._left: tuple[Any, ...] = ()

    async def look(self) -> Outcome:
        """Try once, with what the heartbeats of the try before have left."""
        self._attempt += 1
        beats: list[Any] = []
        try:
            return await self._shop.run(
                self._step, self._order, attempt=self._attempt, details=self._left, beats=beats
            )
        finally:
            if beats:
                self._left = beats[-1]

    async def in_vain(self, *, match: str, times: int = 1) -> None:
        """Try, and be told to try again."""
        for _ in range(times):
            with pytest.raises(ProviderUnavailable, match=match):
                await self.look()

    def wait(self, time: timedelta) -> None:
        """Let time pass since it was first looked for in vain."""
        ((since, looks, kept),) = self._left
        self._left = ([since - time.total_seconds(), looks, kept],)

    async def long_enough(self, patience: timedelta, *, match: str) -> Outcome:
        """Look in vain until it is enough; return what is made of that."""
        await self.in_vain(match=match, times=ENOUGH_LOOKS - 1)
        self.wait(patience)
        return await self.look()
