"""A provider that hangs gets no more callers than it takes to notice when it is back.

Every call that waits for an answer holds a place on its worker, which the provider's other deployments
need as well: at a resource of Azure's that hangs there would soon be all of them.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from overnight.domain.errors import ProviderUnavailable


class Silence:
    """How many requests wait for a provider, and since when it has given no sign of life.

    Once `most` of them wait and it has been silent for `patience`, further ones are not sent.
    """

    def __init__(
        self, name: str, *, most: int, patience: timedelta, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._name = name
        self._most = most
        self._patience = patience.total_seconds()
        self._clock = clock
        self._waiting = 0
        self._heard_at = 0.0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Wait for an answer inside the block. Raises ProviderUnavailable if enough others do, in vain."""
        if not self._waiting:
            # Nobody has asked for a while, so there was nothing to hear.
            self.heard()
        if self._waiting >= self._most and self._clock() - self._heard_at > self._patience:
            raise ProviderUnavailable(f"{self._name} does not answer those who have asked before")
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1

    def heard(self) -> None:
        """Note a sign of life: an answer, or a piece of one, or that it takes in what it is sent."""
        self._heard_at = self._clock()
