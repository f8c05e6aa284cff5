"""A receiver that hangs, or is told of a thousand batches at once, leaves room for all the others."""

import random
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from overnight.domain.errors import WebhookNotTaken

AT_ONCE = 16
"""Deliveries to one endpoint at once in one process; of a worker's places, a small part."""

AT_ONCE_SILENT = 2
"""Once a delivery has waited in vain: as many as it takes to notice that the receiver is back."""

MOST_SILENT = 10_000
"""So many receivers are known to be silent; each batch may bring one of its own, and go."""

COME_AGAIN = timedelta(minutes=1)
"""When a delivery is to come again that found no place, and up to twice as late."""


class Crowd:
    """Who is being delivered to."""

    def __init__(self) -> None:
        self._waiting: Counter[str] = Counter()
        # In the order in which they fell silent.
        self._silent: dict[str, None] = {}

    @contextmanager
    def place(self, endpoint_id: str) -> Iterator[None]:
        """Have a place inside the block. Raises WebhookNotTaken when the endpoint has all that it may."""
        most = AT_ONCE_SILENT if endpoint_id in self._silent else AT_ONCE
        if self._waiting[endpoint_id] >= most:
            pause = COME_AGAIN * random.uniform(1, 2)  # noqa: S311 - so that they don't come back together
            raise WebhookNotTaken("others are being delivered there", retry_after=pause)
        self._waiting[endpoint_id] += 1
        try:
            yield
        finally:
            self._waiting[endpoint_id] -= 1
            if not self._waiting[endpoint_id]:
                del self._waiting[endpoint_id]

    def heard(self, endpoint_id: str, *, answered: bool) -> None:
        """Note whether a delivery got an answer or waited in vain."""
        if answered:
            self._silent.pop(endpoint_id, None)
            return
        self._silent[endpoint_id] = None
        if len(self._silent) > MOST_SILENT:
            del self._silent[next(iter(self._silent))]
