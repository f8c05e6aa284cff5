"""Whoever wants to hear how a batch has ended is told by a story of its own, for three days if need be."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
from temporalio import activity
from temporalio.client import WorkflowExecutionStatus
from temporalio.worker import Worker

from activities.webhooks import Webhooks
from overnight.catalog import Catalog
from overnight.domain.batch import BatchChange, Stamps
from overnight.domain.status import BatchStatus
from overnight.domain.webhook import (
    KEPT_ATTEMPTS,
    Attempt,
    Delivery,
    DeliveryStatus,
    EventType,
    WebhookEndpoint,
)
from overnight.webhooks.sender import Reply
from overnight.webhooks.signing import new_secret
from tests.workflows.stage import Stage
from tests.workflows.theatre import ALL_WELL, LINES, ONE_SHARD, Theatre
from workflows import options, queues
from workflows.webhook_runs import WebhookRuns
from workflows.webhooks import WebhookWorkflow

ENDPOINT = "we_1"
DEAD = 503


@dataclass
class Receiver:
    """Stands where the sender does, since no socket lives by the clock of a server that skips time."""

    answers: list[int] = field(default_factory=list)
    retry_after: timedelta | None = None
    heard: list[tuple[datetime, str]] = field(default_factory=list)

    async def send(self, url: str, body: str, headers: dict[str, str], *, now: datetime) -> Reply:
        """Answer as is planned, and then as one that is dead."""
        status = self.answers.pop(0) if self.answers else DEAD
        self.heard.append((now, headers["webhook-id"]))
        attempt = Attempt(at=now, duration=timedelta(seconds=1), status_code=status)
        return Reply(attempt=attempt, retry_after=self.retry_after)


@dataclass
class Telling:
    """The real workflow and activities, on real rows and a clock that skips."""

    stage: Stage
    catalog: Catalog
    receiver: Receiver = field(default_factory=Receiver)

    async def owed(self) -> Delivery:
        """End a batch that somebody wants to hear of."""
        order = await self.stage.order()
        now = order.created_at
        await self.catalog.add_batch(order)
        await self.catalog.add_webhook_endpoint(
            WebhookEndpoint(
                id=ENDPOINT,
                project=order.project,
                name="n",
                url="https://example.com/hook?token=hidden",
                event_types=tuple(EventType),
                secret=new_secret(),
                created_at=now,
                updated_at=now,
            )
        )
        ended = BatchChange(revision=1, status=BatchStatus.COMPLETED, stamps=Stamps(completed_at=now))
        await self.catalog.record(order.batch_id, ended)
        (delivery,) = await self.catalog.pending_deliveries(order.batch_id)
        return delivery

    async def tell(self, delivery: Delivery) -> Delivery:
        """See it through, and return what is known of it then."""
        await WebhookRuns(self.stage.client).start(delivery)
        await over(self.stage, delivery.workflow_id)
        return await self.known(delivery)

    async def known(self, delivery: Delivery) -> Delivery:
        """Return the row."""
        found = await self.catalog.delivery(delivery.id)
        assert found is not None
        return found[0]


async def over(stage: Stage, workflow_id: str) -> None:
    """Let time pass until a workflow has ended."""
    handle = stage.client.get_workflow_handle(workflow_id)
    while (await handle.describe()).status is WorkflowExecutionStatus.RUNNING:
        await stage.sleep(timedelta(minutes=10))


@pytest.fixture
async def telling(theatre: Theatre, catalog: Catalog) -> AsyncIterator[Telling]:
    telling = Telling(theatre.stage, catalog)
    hooks = Webhooks(
        catalog=catalog,
        sender=telling.receiver,  # type: ignore[arg-type]
        clock=lambda: activity.info().started_time,
    )
    async with (
        Worker(
            theatre.stage.client,
            task_queue=queues.BATCHES,
            workflows=[WebhookWorkflow],
            activities=[hooks.give_up_webhook],
        ),
        Worker(theatre.stage.client, task_queue=queues.WEBHOOKS, activities=[hooks.deliver_webhook]),
    ):
        yield telling


async def test_a_dead_receiver_is_tried_ever_less_often_for_72_hours_and_then_given_up(
    telling: Telling,
) -> None:
    delivery = await telling.owed()
    known = await telling.tell(delivery)
    times = [at for at, _ in telling.receiver.heard]
    pauses = [later - earlier for earlier, later in pairwise(times)]
    lasted = times[-1] - times[0]
    hour = timedelta(hours=1)
    assert options.TELLING_TIMEOUT - 2 * hour < lasted <= options.TELLING_TIMEOUT
    assert pauses[0] < timedelta(seconds=30)
    assert all(hour <= pause < 2 * hour for pause in pauses[11:])
    assert {webhook_id for _, webhook_id in telling.receiver.heard} == {delivery.id}
    assert (known.status, known.next_try_at) == (DeliveryStatus.FAILED, None)
    assert (known.attempts_total, len(known.attempts)) == (len(times), KEPT_ATTEMPTS)
    assert known.attempts[-1].status_code == DEAD


async def test_a_receiver_that_comes_back_is_told_and_then_no_more(telling: Telling) -> None:
    telling.receiver.answers = [500, 302, 429, 204]
    known = await telling.tell(await telling.owed())
    assert known.status is DeliveryStatus.DELIVERED
    assert [each.status_code for each in known.attempts] == [500, 302, 429, 204]
    assert len(telling.receiver.heard) == 4


async def test_a_receiver_may_ask_for_more_time(telling: Telling) -> None:
    telling.receiver.answers = [503, 200]
    telling.receiver.retry_after = timedelta(minutes=20)
    await telling.tell(await telling.owed())
    (first, _), (second, _) = telling.receiver.heard
    assert second - first >= timedelta(minutes=20)


async def test_a_receiver_that_is_gone_is_sent_nothing_more(telling: Telling) -> None:
    telling.receiver.answers = [410]
    known = await telling.tell(await telling.owed())
    endpoint = await telling.catalog.webhook_endpoint(ENDPOINT, project="default")
    assert known.status is DeliveryStatus.FAILED
    assert endpoint.disabled_at is not None


async def test_an_endpoint_that_is_deleted_meanwhile_ends_what_was_on_its_way(telling: Telling) -> None:
    delivery = await telling.owed()
    await telling.catalog.delete_webhook_endpoint(ENDPOINT, project="default")
    await WebhookRuns(telling.stage.client).start(delivery)
    await over(telling.stage, delivery.workflow_id)
    assert telling.receiver.heard == []


async def test_what_was_delivered_is_not_delivered_again_by_whoever_starts_it(telling: Telling) -> None:
    telling.receiver.answers = [200, 200]
    delivery = await telling.owed()
    await telling.tell(delivery)
    await telling.tell(delivery)
    assert len(telling.receiver.heard) == 1


async def test_no_url_and_no_secret_is_in_a_history(telling: Telling) -> None:
    telling.receiver.answers = [500, 200]
    delivery = await telling.owed()
    await telling.tell(delivery)
    history = await telling.stage.client.get_workflow_handle(delivery.workflow_id).fetch_history()
    written = b"".join(event.SerializeToString() for event in history.events)
    assert delivery.id.encode() in written
    assert b"example.com" not in written
    assert b"whsec" not in written


async def test_a_batch_ends_while_its_receiver_is_dead_and_the_receiver_is_told_later(
    theatre: Theatre,
) -> None:
    script = theatre.script(replace(ONE_SHARD, routes=(LINES,), provider="hosted_vllm"))
    script.due = ("wh_1", "wh_2")
    order = await theatre.stage.order()
    async with theatre.stage.playing(script):
        await (await theatre.stage.begin(order)).result()
        assert script.statuses == ALL_WELL
        assert script.tidied == 1
        script.taken.set()
        for delivery_id in script.due:
            # Its clock does not skip now, and the next attempts are seconds away.
            await theatre.stage.client.get_workflow_handle(f"{order.batch_id}/{delivery_id}").result()
    assert set(script.told) == {"wh_1", "wh_2"}
