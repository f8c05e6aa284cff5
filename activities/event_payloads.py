"""What travels through Temporal of events: what happened, and the names of sinks. No metadata, no content."""

from dataclasses import dataclass

from overnight.domain.event import Occurrence


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """What a batch's workflow learns when its row is there: which sinks are told of its events, by name."""

    sinks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """One event, and the sinks that are to hear of it."""

    occurrence: Occurrence
    sinks: tuple[str, ...]
