"""What befalls a fleet, drawn from a seed: the same seed, the same night."""

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

from tests.acceptance.parts import Part


class Kind(StrEnum):
    """What can happen to a part."""

    KILLED = "killed"
    RESTARTED = "restarted"
    FROZEN = "frozen"


LASTS = {Kind.KILLED: (0.0, 4.0), Kind.RESTARTED: (0.0, 2.0), Kind.FROZEN: (0.5, 15.0)}
"""Seconds, at least and at most. Of a worker frozen for long, others get its tasks before it wakes."""

APART = (0.2, 2.0)
"""Seconds from the beginning of one to that of the next, so that several parts are away at once."""


@dataclass(frozen=True, slots=True)
class Disaster:
    """Something that happens to a part: when, after the one before, and for how long, in seconds."""

    part: str
    kind: Kind
    after: float
    lasts: float

    def __str__(self) -> str:
        return f"{self.part} {self.kind} for {self.lasts:.1f} s"


def drawn(seed: int, parts: Sequence[str]) -> Iterator[Disaster]:
    """Draw a round of disasters: each kind for each part, in any order."""
    dice = random.Random(seed)  # noqa: S311 - it is to be drawn again
    pairs = [(part, kind) for part in parts for kind in Kind]
    dice.shuffle(pairs)
    for part, kind in pairs:
        yield Disaster(part, kind, after=dice.uniform(*APART), lasts=dice.uniform(*LASTS[kind]))


class Happenings:
    """Lets disasters befall parts, several at a time, but one after the other for any one part."""

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = {part.name: part for part in parts}
        self._turns = {part.name: threading.Lock() for part in parts}
        self._began = time.monotonic()
        self._failures: list[BaseException] = []

    def go_through(self, disasters: Iterator[Disaster]) -> None:
        """Have all of them happen, and wait until all parts are up again."""
        with self._at_once() as happening:
            for disaster in disasters:
                time.sleep(disaster.after)
                thread = threading.Thread(target=self._befall, args=(disaster,))
                happening.append(thread)
                thread.start()

    def raise_failure(self) -> None:
        """Raise what went wrong with the disasters themselves, if something did."""
        for failure in self._failures:
            raise failure

    @contextmanager
    def _at_once(self) -> Iterator[list[threading.Thread]]:
        happening: list[threading.Thread] = []
        try:
            yield happening
        finally:
            for thread in happening:
                thread.join()

    def _befall(self, disaster: Disaster) -> None:
        part = self._parts[disaster.part]
        with self._turns[disaster.part]:
            print(f"{time.monotonic() - self._began:7.1f} s  {disaster}", flush=True)  # noqa: T201 - for whoever looks
            try:
                match disaster.kind:
                    case Kind.KILLED:
                        part.kill()
                    case Kind.RESTARTED:
                        part.stop()
                    case Kind.FROZEN:
                        part.freeze()
                time.sleep(disaster.lasts)
                if disaster.kind is Kind.FROZEN:
                    part.thaw()
                else:
                    part.start()
            except BaseException as error:  # noqa: BLE001 - told by whoever waits for this thread
                self._failures.append(error)
