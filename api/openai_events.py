"""What OpenAI tells by itself: that a job has ended, so that its batch ends now and not with the next poll.

It comes from anywhere, so nothing counts but its signature, and all that is taken from it is which job to
look at. OpenAI repeats what it gets no 2xx for, and may send anything twice; to look twice does no harm.
Source: platform.openai.com/docs/guides/webhooks.
"""

from collections.abc import Mapping

import structlog
from pydantic import BaseModel, ValidationError
from standardwebhooks import Webhook, WebhookVerificationError

from overnight.catalog import Catalog
from overnight.domain.errors import InvalidRequest
from workflows.runs import BatchRuns

REMEMBERED = 10_000
"""How many events are known again when they are sent again. They are some 70 bytes each."""

_ENDS = frozenset({"batch.completed", "batch.failed", "batch.expired", "batch.cancelled"})
_ID = "webhook-id"

_log = structlog.get_logger(__name__)


class _Subject(BaseModel):
    id: str


class _Event(BaseModel):
    """As much of an event as is looked at. What `data` is depends on the type."""

    type: str
    data: dict[str, object]


class OpenAIEvents:
    """Takes in events with a good signature. Those it knows already, or has no use for, change nothing."""

    def __init__(self, secret: str, *, catalog: Catalog, runs: BatchRuns) -> None:
        self._webhook = Webhook(secret)
        self._catalog = catalog
        self._runs = runs
        # In the order they came. Only what was signed gets here, so nobody else can make it forget.
        self._seen: dict[str, None] = {}

    async def take_in(self, body: bytes, headers: Mapping[str, str]) -> None:
        """Wake whoever follows the job that an event is about.

        Raises InvalidRequest for one that OpenAI did not sign, or not within five minutes. After
        CatalogUnavailable and TemporalUnavailable it is to be sent again.
        """
        self._verify(body, headers)
        event_id = headers[_ID]
        if event_id in self._seen:
            return
        event = _read(body)
        if event.type in _ENDS:
            await self._wake(_subject(event).id)
        self._remember(event_id)

    def _verify(self, body: bytes, headers: Mapping[str, str]) -> None:
        try:
            self._webhook.verify(body, dict(headers), json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            # The library trips over signatures and bodies that are not even encoded well.
            message = "The signature of this webhook is not good, or not of these five minutes."
            raise InvalidRequest(message, code="invalid_signature") from error

    async def _wake(self, job_id: str) -> None:
        job = await self._catalog.job("openai", job_id)
        if job is None:
            # Somebody else's, with the same account; or so new that nobody has written it down, but polls it.
            return
        await self._runs.wake(job.workflow_id)
        _log.info("woken_by_webhook", batch_id=job.batch_id, job_id=job.id)

    def _remember(self, event_id: str) -> None:
        self._seen[event_id] = None
        if len(self._seen) > REMEMBERED:
            del self._seen[next(iter(self._seen))]


def _read(body: bytes) -> _Event:
    try:
        return _Event.model_validate_json(body)
    except ValidationError:
        raise _unreadable() from None


def _subject(event: _Event) -> _Subject:
    try:
        return _Subject.model_validate(event.data)
    except ValidationError:
        raise _unreadable() from None


def _unreadable() -> InvalidRequest:
    # What pydantic says of it would quote the body.
    return InvalidRequest("This is not an event of OpenAI's.")
