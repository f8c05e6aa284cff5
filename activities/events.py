"""Handing events over to sinks: one sink's activity for each, on its own queue, tried until it succeeds."""

import structlog
from temporalio import activity

from activities.heartbeat import heartbeating
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain import ids, layout
from overnight.domain.batch import Batch
from overnight.domain.errors import CatalogUnavailable, UnknownBatch
from overnight.domain.event import BatchEvent, EventType, Occurrence, event_of
from overnight.domain.file import BatchFileKind
from overnight.events.content import exchanges_in
from overnight.events.log import LogSink
from overnight.events.protocol import Bookmark, Exchanges, Sink
from overnight.storage.protocol import Storage

_WITH_CONTENT = (EventType.SUCCESS, EventType.EXPIRED, EventType.CANCELLED)
"""A batch that failed has no answers, and perhaps an input that is no JSON."""

_log = structlog.stdlib.get_logger(__name__)


class EventBooks:
    """Makes the events of what has happened, and writes them to the log where that is wanted."""

    def __init__(self, *, settings: Settings, catalog: Catalog) -> None:
        self._settings = settings
        self._catalog = catalog
        self._log = LogSink() if settings.logs_events else None

    @property
    def sinks(self) -> tuple[str, ...]:
        """The names of the sinks that can be down, and are told of events by a workflow."""
        return tuple(self._settings.sinks)

    async def event(self, occurrence: Occurrence) -> BatchEvent:
        """Return the event, for somebody who can ask for it again.

        Raises UnknownBatch, and CatalogUnavailable while the row does not know of a last event's end: the
        event of a batch that is given up leaves before its row is written.
        """
        batch = await self._catalog.batch(occurrence.batch_id)
        if occurrence.type.is_last and not batch.status.ended:
            raise CatalogUnavailable("the batch's row does not say yet that it has ended")
        return self._event(occurrence, batch)

    async def log(self, occurrence: Occurrence) -> None:
        """Write the event's line, if the log is a sink. It comes with a step that is made anyway."""
        if self._log is not None:
            batch = await self._catalog.batch(occurrence.batch_id)
            self._log.write(self._event(occurrence, batch))

    @activity.defn(name="known_sinks")
    async def known_sinks(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Return those of the sinks that are still configured; the others will never hear of their events."""
        gone = [name for name in names if name not in self._settings.sinks]
        if gone:
            _log.warning("event given up: its sink is no longer configured", sinks=gone)
        return tuple(name for name in names if name in self._settings.sinks)

    def _event(self, occurrence: Occurrence, batch: Batch) -> BatchEvent:
        return event_of(occurrence, batch, provider=_provider_of(batch, self._settings))


class SinkDesk:
    """Hands events to one sink."""

    def __init__(
        self, name: str, *, settings: Settings, catalog: Catalog, storage: Storage, sink: Sink
    ) -> None:
        self._books = EventBooks(settings=settings, catalog=catalog)
        self._content = settings.sinks[name].log_content
        self._storage = storage
        self._sink = sink

    @activity.defn(name="emit_event")
    async def emit_event(self, occurrence: Occurrence) -> None:
        """Hand the event over. Raises SinkError, or CatalogUnavailable, to be offered it again."""
        bookmark = _bookmark()
        async with heartbeating(lambda: bookmark.lines):
            event = await self._event(occurrence)
            try:
                await self._sink.emit(event, self._exchanges(event), bookmark)
            finally:
                # The next try begins where this one has got to.
                activity.heartbeat(bookmark.lines)

    async def _event(self, occurrence: Occurrence) -> BatchEvent:
        try:
            return await self._books.event(occurrence)
        except UnknownBatch as error:
            # A restored catalog may have lost it, and be told of it again (`overnight db recall`).
            raise CatalogUnavailable(error.message) from error

    def _exchanges(self, event: BatchEvent) -> Exchanges | None:
        if not self._content or event.type not in _WITH_CONTENT:
            return None
        outcomes = (BatchFileKind.OUTPUT, BatchFileKind.ERROR)
        return exchanges_in(
            self._storage,
            input_key=layout.file_key(event.input_file_id),
            outcome_keys=tuple(
                layout.file_key(ids.output_file_id(event.batch_id, kind)) for kind in outcomes
            ),
        )


def _bookmark() -> Bookmark:
    match activity.info().heartbeat_details:
        case [int(lines)]:
            return Bookmark(lines)
        case _:
            return Bookmark()


def _provider_of(batch: Batch, settings: Settings) -> str | None:
    """Return whom a batch is for: the provider it names, or that of all its deployments; None if open."""
    named = {*batch.deployments}
    running = {each.provider for each in settings.all_deployments if not named.isdisjoint(each.ids)}
    return batch.order.provider or (running.pop() if len(running) == 1 else None)
