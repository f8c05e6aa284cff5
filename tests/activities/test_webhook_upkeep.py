"""Deliveries that no batch could start are started all the same, and old ones are forgotten."""

from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from temporalio.testing import ActivityEnvironment

from activities.webhook_upkeep import KEPT, OVERLOOKED_AFTER, WebhookUpkeep
from overnight.domain.batch import BatchChange, Stamps
from overnight.domain.errors import TemporalUnavailable
from overnight.domain.status import BatchStatus
from overnight.domain.webhook import Delivery, EventType, WebhookEndpoint
from tests.activities.house import BATCH, NOW, House, order


@dataclass
class Deliveries:
    """Remembers what was to be started."""

    started: list[str] = field(default_factory=list)
    unreachable: bool = False

    async def start(self, delivery: Delivery) -> None:
        if self.unreachable:
            raise TemporalUnavailable
        self.started.append(delivery.workflow_id)


@pytest.fixture
async def owed(house: House) -> Delivery:
    """What is owed of a batch whose row was written by somebody else than its workflow."""
    endpoint = WebhookEndpoint(
        id="we_1",
        project=order().project,
        name="n",
        url="https://example.com/",
        event_types=tuple(EventType),
        secret="whsec_1",
        created_at=NOW,
        updated_at=NOW,
    )
    await house.catalog.add_webhook_endpoint(endpoint)
    await house.catalog.add_batch(order())
    given_up = BatchChange(revision=1, status=BatchStatus.FAILED, stamps=Stamps(failed_at=NOW))
    await house.catalog.record(BATCH, given_up)
    (delivery,) = await house.catalog.pending_deliveries(BATCH)
    return delivery


async def keep(house: House, deliveries: Deliveries, *, after: timedelta) -> int:
    upkeep = WebhookUpkeep(catalog=house.catalog, deliveries=deliveries, clock=lambda: NOW + after)
    return await ActivityEnvironment().run(upkeep.keep_webhooks)


async def test_what_nobody_has_taken_up_is_started(house: House, owed: Delivery) -> None:
    deliveries = Deliveries()
    assert await keep(house, deliveries, after=OVERLOOKED_AFTER / 2) == 0
    assert await keep(house, deliveries, after=OVERLOOKED_AFTER) == 1
    assert deliveries.started == [owed.workflow_id]


async def test_it_is_left_for_the_next_round_while_temporal_is_away(house: House, owed: Delivery) -> None:
    assert await keep(house, Deliveries(unreachable=True), after=OVERLOOKED_AFTER) == 0
    assert await keep(house, Deliveries(), after=OVERLOOKED_AFTER) == 1


async def test_after_thirty_days_nothing_is_known_any_more(house: House, owed: Delivery) -> None:
    await keep(house, Deliveries(), after=KEPT)
    assert await house.catalog.delivery(owed.id) is None
