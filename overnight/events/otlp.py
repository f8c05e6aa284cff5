"""Events over OTLP, as OpenTelemetry's own protobuf over HTTP: most observability products take that.

Not by OpenTelemetry's exporter, which keeps what it could not deliver to itself: here the answer decides
whether the event is offered again.
"""

import gzip
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import structlog
from google.protobuf.message import DecodeError

from overnight.domain.event import BatchEvent, EventType
from overnight.events.gen_ai import event_attributes, exchange_attributes
from overnight.events.otlp_messages import Record, rejected, request_of
from overnight.events.posting import Poster
from overnight.events.protocol import Bookmark, Exchange, Exchanges
from overnight.events.settings import OtlpSettings

MOST_RECORDS = 200
MOST_BYTES = 2**20
"""What one export carries at most, unless a single line is larger than that."""

_log = structlog.stdlib.get_logger(__name__)

_LINE = "batch_line"
_HEADERS = {"content-type": "application/x-protobuf", "content-encoding": "gzip", "user-agent": "overnight"}


class OtlpSink:
    """A Sink that speaks OTLP. Lines come before their event, which then says: all there."""

    def __init__(self, settings: OtlpSettings, poster: Poster) -> None:
        self._name = settings.name
        self._signal = settings.signal
        self._resource = {"service.name": "overnight", **settings.resource}
        self._headers = {**_HEADERS, **settings.headers}
        self._poster = poster

    async def emit(
        self, event: BatchEvent, exchanges: Exchanges | None = None, bookmark: Bookmark | None = None
    ) -> None:
        """Export the event, after its lines; see Sink.

        What the sink rejects of an export that it has taken is not sent again. Source: OTLP's specification,
        "Partial Success": the client must not retry.
        """
        bookmark = bookmark or Bookmark()
        refused = 0
        try:
            async with aclosing(_exports(event, exchanges, since=bookmark.lines)) as exports:
                async for records in exports:
                    refused += await self._export(records)
                    bookmark.lines += len(records)
            refused += await self._export([_event_record(event)])
        finally:
            if refused:
                # Not with the sink's own words, which may quote what they are about.
                _log.warning(
                    "records rejected by the sink", sink=self._name, event_id=event.id, records=refused
                )

    async def _export(self, records: Sequence[Record]) -> int:
        """Export, and return how many of the records were not taken."""
        request = request_of(self._signal, records, resource=self._resource)
        answer = await self._poster.post(gzip.compress(request, compresslevel=1), self._headers)
        try:
            return rejected(self._signal, answer)
        except DecodeError:
            # Some answer 200 with a text of their own.
            return 0


async def _exports(
    event: BatchEvent, exchanges: Exchanges | None, *, since: int
) -> AsyncGenerator[list[Record], None]:
    """Yield the records of the lines from the index `since` on, as many as one export may carry."""
    if exchanges is None:
        return
    records: list[Record] = []
    size = 0
    async for exchange in exchanges():
        if exchange.index < since:
            continue
        records.append(_line_record(event, exchange))
        size += len(exchange.request) + len(exchange.answer or b"")
        if len(records) == MOST_RECORDS or size >= MOST_BYTES:
            yield records
            records, size = [], 0
    if records:
        yield records


def _event_record(event: BatchEvent) -> Record:
    counts = event.counts
    return Record(
        name=event.type.value,
        id=event.id,
        trace=event.batch_id,
        since=event.created_at if event.type.is_last else event.at,
        at=event.at,
        body=f"{event.batch_id}: {event.status.value}, {counts.done} of {counts.total} requests done",
        attributes=event_attributes(event),
        is_root=event.type.is_last,
        failed=event.type is EventType.FAILED,
    )


def _line_record(event: BatchEvent, exchange: Exchange) -> Record:
    return Record(
        name=_LINE,
        id=f"{event.id}/{exchange.index}",
        trace=event.batch_id,
        since=event.created_at,
        at=event.at,
        body=f"{event.batch_id}: request {exchange.index}",
        attributes=exchange_attributes(event, exchange),
    )
