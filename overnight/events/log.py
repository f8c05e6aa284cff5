"""Events as lines of the log, where whoever collects a worker's stderr finds them. It is never down."""

import structlog

from overnight.domain.event import BatchEvent
from overnight.events.encoding import as_document
from overnight.events.protocol import Bookmark, Exchanges

_log = structlog.stdlib.get_logger(__name__)


class LogSink:
    """A Sink that is the log itself."""

    async def emit(
        self,
        event: BatchEvent,
        exchanges: Exchanges | None = None,  # noqa: ARG002 - the log never holds content
        bookmark: Bookmark | None = None,  # noqa: ARG002
    ) -> None:
        """Write the event's line; see Sink."""
        self.write(event)

    def write(self, event: BatchEvent) -> None:
        """Write the event's line: `event` is its message, so the whole of it stands under `batch_event`."""
        _log.info("batch event", batch_event=as_document(event))
