"""Who is to hear how a batch has ended is written with that end, once, whoever writes it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from overnight.catalog import Catalog
from overnight.domain.batch import BatchChange, BatchOrder, Stamps
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import InvalidRequest, UnknownWebhookEndpoint
from overnight.domain.ids import batch_webhook_id, old_batch_webhook_id
from overnight.domain.status import BatchStatus
from overnight.domain.webhook import (
    KEPT_ATTEMPTS,
    MAX_ENDPOINTS,
    Attempt,
    Delivery,
    DeliveryStatus,
    EventType,
    WebhookEndpoint,
)

NOW = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
BATCH = "batch_1"
ORDER = BatchOrder(
    batch_id=BATCH,
    project="default",
    input_file_id="file-in",
    endpoint=Endpoint.CHAT_COMPLETIONS,
    completion_window="24h",
    window=timedelta(hours=24),
    created_at=NOW,
    parameters_hash="h",
)
ENDPOINT = WebhookEndpoint(
    id="we_1",
    project="default",
    name="mine",
    url="https://example.com/hooks",
    event_types=tuple(EventType),
    secret="whsec_1",
    created_at=NOW,
    updated_at=NOW,
)
OWN = replace(ENDPOINT, id=batch_webhook_id(BATCH, ORDER.parameters_hash), batch_id=BATCH)
ANOTHERS = replace(OWN, id=batch_webhook_id(BATCH, "another"))
OLD = replace(OWN, id=old_batch_webhook_id(BATCH))
ATTEMPT = Attempt(at=NOW, duration=timedelta(milliseconds=12), status_code=500)


def change(status: BatchStatus = BatchStatus.COMPLETED, *, revision: int = 1) -> BatchChange:
    return BatchChange(revision=revision, status=status, stamps=Stamps(**{f"{status.value}_at": NOW}))


async def end(
    catalog: Catalog, *endpoints: WebhookEndpoint, status: BatchStatus = BatchStatus.COMPLETED
) -> None:
    """Add endpoints, and a batch that has ended."""
    for endpoint in endpoints:
        await (catalog.add_batch_webhook if endpoint.batch_id else catalog.add_webhook_endpoint)(endpoint)
    await catalog.add_batch(ORDER)
    await catalog.record(BATCH, change(status))


async def owed(catalog: Catalog) -> Delivery:
    (delivery,) = await catalog.pending_deliveries(BATCH)
    return delivery


async def test_an_endpoint_comes_back_as_it_was_added(catalog: Catalog) -> None:
    kept = replace(ENDPOINT, old_secret="whsec_0", old_secret_until=NOW, event_types=(EventType.FAILED,))
    await catalog.add_webhook_endpoint(kept)
    assert await catalog.webhook_endpoint("we_1", project="default") == kept
    with pytest.raises(UnknownWebhookEndpoint):
        await catalog.webhook_endpoint("we_1", project="other")


async def test_endpoints_are_listed_newest_first_and_those_of_batches_are_not(catalog: Catalog) -> None:
    for number in range(3):
        created = NOW + timedelta(seconds=number)
        await catalog.add_webhook_endpoint(replace(ENDPOINT, id=f"we_{number}", created_at=created))
    await catalog.add_batch_webhook(OWN)
    first = await catalog.list_webhook_endpoints(project="default", limit=2)
    rest = await catalog.list_webhook_endpoints(project="default", after="we_1", limit=2)
    assert ([each.id for each in first.items], first.has_more) == (["we_2", "we_1"], True)
    assert ([each.id for each in rest.items], rest.has_more) == (["we_0"], False)


async def test_a_project_has_so_many_endpoints_and_no_more(catalog: Catalog) -> None:
    for number in range(MAX_ENDPOINTS):
        await catalog.add_webhook_endpoint(replace(ENDPOINT, id=f"we_{number}"))
    with pytest.raises(InvalidRequest) as refused:
        await catalog.add_webhook_endpoint(replace(ENDPOINT, id="we_more"))
    assert refused.value.code == "limit_exceeded"
    assert await catalog.add_batch_webhook(OWN)


async def test_the_first_webhook_of_a_batch_stays(catalog: Catalog) -> None:
    assert await catalog.add_batch_webhook(OWN)
    assert not await catalog.add_batch_webhook(replace(OWN, secret="whsec_2"))
    assert (await catalog.webhook_endpoint(OWN.id, project="default")).secret == "whsec_1"


async def test_a_change_is_dated_and_what_is_no_change_is_not(catalog: Catalog) -> None:
    await catalog.add_webhook_endpoint(ENDPOINT)
    later = NOW + timedelta(days=1)
    same = await catalog.change_webhook_endpoint("we_1", {"name": "mine"}, project="default", now=later)
    other = await catalog.change_webhook_endpoint("we_1", {"name": "ours"}, project="default", now=later)
    assert same == ENDPOINT
    assert other == replace(ENDPOINT, name="ours", updated_at=later)
    assert await catalog.webhook_endpoint("we_1", project="default") == other


@pytest.mark.parametrize("status", [status for status in BatchStatus if status.ended])
async def test_whoever_wants_to_hear_of_an_end_is_owed_it(catalog: Catalog, status: BatchStatus) -> None:
    await end(catalog, ENDPOINT, OWN, status=status)
    found = await catalog.pending_deliveries(BATCH)
    assert {each.endpoint_id for each in found} == {"we_1", OWN.id}
    assert {each.event.type for each in found} == {EventType.of(status)}
    assert {each.event.occurred_at for each in found} == {NOW}


@pytest.mark.parametrize(
    "other",
    [
        replace(ENDPOINT, event_types=(EventType.FAILED,)),
        replace(ENDPOINT, project="other"),
        replace(ENDPOINT, disabled_at=NOW),
        replace(OWN, batch_id="batch_2"),
        ANOTHERS,
    ],
    ids=["another event", "another project", "disabled", "another batch", "another request of that key"],
)
async def test_nobody_else_is(catalog: Catalog, other: WebhookEndpoint) -> None:
    await end(catalog, other)
    assert await catalog.pending_deliveries(BATCH) == []


@pytest.mark.parametrize(
    ("kept", "own"),
    [
        ((ANOTHERS, OWN), OWN),
        ((ANOTHERS, OLD), OLD),
        ((OLD, OWN), OWN),
        ((OLD, replace(OWN, disabled_at=NOW)), None),
    ],
    ids=["beside another request's", "from before requests were told apart", "beside such a one", "disabled"],
)
async def test_of_the_webhooks_under_one_key_the_batch_has_its_own_requests(
    catalog: Catalog, kept: tuple[WebhookEndpoint, ...], own: WebhookEndpoint | None
) -> None:
    await end(catalog, *kept)
    owed_to = [each.endpoint_id for each in await catalog.pending_deliveries(BATCH)]
    shown = (await catalog.batch_in_detail(BATCH, project="default", jobs=1)).webhook
    assert owed_to == ([own.id] if own else [])
    assert shown == (own or kept[-1])
    assert await catalog.batch_webhook(BATCH, "h", project="default") == shown
    assert await catalog.batch_webhook(BATCH, "h", project="other") is None


async def test_an_end_that_is_written_again_is_owed_once_and_a_running_batch_not_at_all(
    catalog: Catalog,
) -> None:
    await catalog.add_webhook_endpoint(ENDPOINT)
    await catalog.add_batch(ORDER)
    await catalog.record(BATCH, change(BatchStatus.IN_PROGRESS))
    assert await catalog.pending_deliveries(BATCH) == []
    for revision in (2, 2, 3, 1):
        await catalog.record(BATCH, change(revision=revision))
    assert (await owed(catalog)).event.type is EventType.COMPLETED


async def test_a_failed_batch_that_is_run_again_has_another_end_to_tell(catalog: Catalog) -> None:
    await end(catalog, ENDPOINT, status=BatchStatus.FAILED)
    await catalog.record(BATCH, change(BatchStatus.COMPLETED, revision=2))
    await catalog.record(BATCH, change(BatchStatus.FAILED, revision=3))
    found = await catalog.pending_deliveries(BATCH)
    assert {each.event.type for each in found} == {EventType.FAILED, EventType.COMPLETED}


async def test_attempts_are_counted_and_the_last_ones_kept(catalog: Catalog) -> None:
    await end(catalog, ENDPOINT)
    delivery = await owed(catalog)
    total = KEPT_ATTEMPTS + 5
    for number in range(total):
        attempt = replace(ATTEMPT, at=NOW + timedelta(hours=number))
        await catalog.note_attempt(
            delivery.id, attempt, status=DeliveryStatus.PENDING, next_try_at=NOW + timedelta(hours=number + 1)
        )
    found = await owed(catalog)
    assert (found.attempts_total, len(found.attempts)) == (total, KEPT_ATTEMPTS)
    assert found.attempts[-1] == replace(ATTEMPT, at=NOW + timedelta(hours=total - 1))
    assert found.next_try_at == NOW + timedelta(hours=total)


async def test_what_was_delivered_is_not_given_up(catalog: Catalog) -> None:
    await end(catalog, ENDPOINT)
    delivery = await owed(catalog)
    await catalog.note_attempt(delivery.id, ATTEMPT, status=DeliveryStatus.DELIVERED, next_try_at=None)
    await catalog.give_up_delivery(delivery.id)
    (found,) = (await catalog.list_deliveries("we_1", project="default")).items
    assert found.status is DeliveryStatus.DELIVERED


async def test_what_was_delivered_stays_so_when_an_attempt_before_fails_late(catalog: Catalog) -> None:
    await end(catalog, ENDPOINT)
    delivery = await owed(catalog)
    await catalog.note_attempt(delivery.id, ATTEMPT, status=DeliveryStatus.DELIVERED, next_try_at=None)
    await catalog.note_attempt(delivery.id, ATTEMPT, status=DeliveryStatus.PENDING, next_try_at=NOW)
    await catalog.put_off_delivery(delivery.id, until=NOW)
    (found,) = (await catalog.list_deliveries("we_1", project="default")).items
    assert (found.status, found.next_try_at) == (DeliveryStatus.DELIVERED, None)
    assert found.attempts_total == 2


async def test_an_endpoint_that_is_deleted_takes_its_deliveries_along(catalog: Catalog) -> None:
    await end(catalog, ENDPOINT)
    delivery = await owed(catalog)
    await catalog.delete_webhook_endpoint("we_1", project="default")
    assert await catalog.delivery(delivery.id) is None
    with pytest.raises(UnknownWebhookEndpoint):
        await catalog.list_deliveries("we_1", project="default")
    with pytest.raises(UnknownWebhookEndpoint):
        await catalog.delete_webhook_endpoint("we_1", project="default")


async def test_only_what_nobody_has_taken_up_is_overlooked(catalog: Catalog) -> None:
    await end(catalog, ENDPOINT, OWN)
    taken, left = await catalog.pending_deliveries(BATCH)
    await catalog.put_off_delivery(taken.id, until=NOW)
    assert await catalog.overlooked_deliveries(created_by=NOW, limit=10) == [left]
    assert await catalog.overlooked_deliveries(created_by=NOW - timedelta(seconds=1), limit=10) == []


async def test_old_deliveries_are_forgotten_and_with_them_the_secrets_of_batches(catalog: Catalog) -> None:
    running = replace(ORDER, batch_id="batch_2")
    await catalog.add_batch(running)
    await end(catalog, ENDPOINT, OWN, replace(OWN, id="we_2", batch_id="batch_2"))
    await catalog.forget_deliveries(created_by=NOW - timedelta(seconds=1))
    assert len(await catalog.pending_deliveries(BATCH)) == 2
    await catalog.forget_deliveries(created_by=NOW)
    assert await catalog.pending_deliveries(BATCH) == []
    with pytest.raises(UnknownWebhookEndpoint):
        await catalog.webhook_endpoint(OWN.id, project="default")
    for kept in ("we_1", "we_2"):
        assert (await catalog.webhook_endpoint(kept, project="default")).id == kept
