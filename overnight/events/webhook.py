"""Events to a URL of the operator's own, signed the way OpenAI signs its webhooks.

The URL may be anywhere, private addresses too: who can write it down here runs the worker anyway.
"""

from collections.abc import Callable
from datetime import UTC, datetime

from standardwebhooks import Webhook

from overnight.domain.event import BatchEvent
from overnight.events.encoding import as_json
from overnight.events.posting import Poster
from overnight.events.protocol import Bookmark, Exchanges
from overnight.events.settings import WebhookSettings


def _now() -> datetime:
    return datetime.now(UTC)


class WebhookSink:
    """A Sink that is an HTTP endpoint. `webhook-id` is the event's id."""

    def __init__(
        self, settings: WebhookSettings, poster: Poster, *, clock: Callable[[], datetime] = _now
    ) -> None:
        self._poster = poster
        self._signer = Webhook(settings.secret)
        self._clock = clock

    async def emit(
        self,
        event: BatchEvent,
        exchanges: Exchanges | None = None,  # noqa: ARG002 - a post is small
        bookmark: Bookmark | None = None,  # noqa: ARG002
    ) -> None:
        """Post the event; see Sink."""
        body, now = as_json(event), self._clock()
        headers = {
            "content-type": "application/json",
            "user-agent": "overnight",
            "webhook-id": event.id,
            # A try is signed with its own time, or a receiver would refuse what it gets a day later.
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(event.id, now, body.decode()),
        }
        await self._poster.post(body, headers)
