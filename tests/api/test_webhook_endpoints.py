"""OpenAI's routes for webhook endpoints by OpenAI's SDK, and the `webhook` of a batch."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import openai
import pytest

from overnight.config import Settings
from overnight.domain.batch import BatchChange, BatchOrder, Stamps
from overnight.domain.ids import batch_id_for_key
from overnight.domain.status import BatchStatus
from overnight.domain.webhook import EventType
from overnight.webhooks.addresses import AllowedHosts
from overnight.webhooks.signing import new_secret
from tests.api.served import Runs, Served
from tests.overnight.webhooks.receiver import receiving

URL = "https://example.com/hooks?token=t"
EVENTS: Any = [each.value for each in EventType]
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BODY = {"input_file_id": "file-1", "endpoint": "/v1/chat/completions", "completion_window": "24h"}


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, webhook_hosts=AllowedHosts.parse(["127.0.0.1"]))


async def created(served: Served, *, key: str | None = None, status: int = 200, **fields: Any) -> Any:
    """Create a batch and return the answer."""
    headers = {"idempotency-key": key} if key else {}
    async with served.http(headers=headers) as http:
        answer = await http.post("/v1/batches", json={**BODY, **fields})
    assert answer.status_code == status, answer.text
    return answer.json()


async def told_at(served: Served, batch_id: str) -> list[str]:
    """End a batch, and return the URLs that are to hear of it."""
    ended = BatchChange(revision=1, status=BatchStatus.COMPLETED, stamps=Stamps(completed_at=NOON))
    await served.catalog.record(batch_id, ended)
    owed = await served.catalog.pending_deliveries(batch_id)
    project = "default"
    return [(await served.catalog.webhook_endpoint(one.endpoint_id, project=project)).url for one in owed]


async def refused(served: Served, path: str, body: Any) -> Any:
    """Send what must get a 400, and return the error."""
    async with served.http() as http:
        answer = await http.post(path, json=body)
    assert answer.status_code == 400, answer.text
    return answer.json()["error"]


@pytest.mark.parametrize("base", ["/v1", "", "/openai/v1"])
async def test_an_endpoint_lives_by_openais_sdk(served: Served, base: str) -> None:
    served.clock.now = NOON
    async with served.sdk(base=base) as client:
        made = await client.webhooks.create(url=URL, name="mine", event_types=["batch.failed"])
        served.clock.now = NOON + timedelta(hours=1)
        changed = await client.webhooks.update(made.id, name="ours")
        found = await client.webhooks.retrieve(made.id)
        listed = [each async for each in client.webhooks.list(limit=1)]
        types = await client.webhooks.event_types.list()
        deleted = await client.webhooks.delete(made.id)
        with pytest.raises(openai.NotFoundError) as gone:
            await client.webhooks.retrieve(made.id)
    assert (made.object, made.url, made.event_types) == ("webhook_endpoint", URL, ["batch.failed"])
    assert made.signing_secret.startswith("whsec_")
    assert made.created_at == made.updated_at == int(NOON.timestamp())
    assert found == changed == listed[0]
    assert (found.name, found.updated_at) == ("ours", int(NOON.timestamp()) + 3_600)
    assert made.signing_secret not in found.model_dump_json()
    assert types.data == EVENTS
    assert (deleted.deleted, deleted.object) == (True, "webhook_endpoint.deleted")
    assert gone.value.param == "webhook_endpoint_id"


async def test_a_url_alone_is_enough_and_hears_of_everything(served: Served) -> None:
    async with served.http() as http:
        made = (await http.post("/v1/webhook_endpoints", json={"url": URL})).json()
    assert made["event_types"] == EVENTS


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"url": "http://example.com/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"url": "https://a:b@example.com/"}, "url"),
        ({"url": ""}, "url"),
        ({}, "url"),
        ({"url": URL, "event_types": []}, "event_types"),
        ({"url": URL, "event_types": ["response.completed"]}, "event_types.0"),
        ({"url": URL, "name": "\0"}, "name"),
    ],
)
async def test_what_can_be_no_endpoint_is_refused(served: Served, body: Any, param: str) -> None:
    error = await refused(served, "/v1/webhook_endpoints", body)
    assert error["param"] == param
    assert (await served.catalog.list_webhook_endpoints(project="default")).items == []


async def test_a_secret_that_is_rotated_ends_at_once_unless_it_is_kept(served: Served) -> None:
    served.clock.now = NOON
    async with served.sdk() as client:
        made = await client.webhooks.create(url=URL, name="mine", event_types=EVENTS)
        kept = await client.webhooks.rotate_secret(made.id, keep_old_secret_active_for_24_hours=True)
        both = await served.catalog.webhook_endpoint(made.id, project="default")
        ended = await client.webhooks.rotate_secret(made.id)
        alone = await served.catalog.webhook_endpoint(made.id, project="default")
    day = timedelta(days=1)
    assert both.secrets_at(NOON + day - timedelta(seconds=1)) == (kept.signing_secret, made.signing_secret)
    assert both.secrets_at(NOON + day) == (kept.signing_secret,)
    assert alone.secrets_at(NOON) == (ended.signing_secret,)
    assert len({made.signing_secret, kept.signing_secret, ended.signing_secret}) == 3


async def test_a_test_is_signed_and_tells_what_was_answered(served: Served) -> None:
    async with receiving(b"HTTP/1.1 418 No\r\ncontent-length: 0\r\n\r\n") as receiver, served.sdk() as client:
        url = f"http://127.0.0.1:{receiver.port}/"
        made = await client.webhooks.create(url=url, name="mine", event_types=EVENTS)
        result = await client.webhooks.test(made.id, event_type="batch.cancelled")
        head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
        event = client.webhooks.unwrap(body, headers, secret=made.signing_secret)
    assert (result.object, result.status_code) == ("webhook_endpoint.test", 418)
    assert (event.type, result.event_type) == ("batch.cancelled", "batch.cancelled")


async def test_a_test_that_nobody_answers_is_a_400_that_says_why(served: Served) -> None:
    async with served.sdk() as client:
        made = await client.webhooks.create(url="https://nobody.invalid/", name="mine", event_types=EVENTS)
        with pytest.raises(openai.BadRequestError, match="dns_failed") as error:
            await client.webhooks.test(made.id, event_type="batch.completed")
    assert error.value.code == "webhook_endpoint_unreachable"


async def test_deliveries_are_listed_and_an_unknown_endpoints_are_a_404(served: Served) -> None:
    served.clock.now = NOON
    async with served.sdk() as client, served.http() as http:
        made = await client.webhooks.create(url=URL, name="mine", event_types=EVENTS)
        batch = await created(served)
        ended = BatchChange(revision=1, status=BatchStatus.COMPLETED, stamps=Stamps(completed_at=NOON))
        await served.catalog.record(batch["id"], ended)
        listed = (await http.get(f"/v1/webhook_endpoints/{made.id}/deliveries")).json()
        unknown = await http.get("/v1/webhook_endpoints/we_none/deliveries")
    (one,) = listed["data"]
    assert one["id"].startswith("wh_")
    assert one["event_id"].startswith("evt_")
    assert one == {
        "id": one["id"],
        "object": "webhook_endpoint.delivery",
        "webhook_endpoint_id": made.id,
        "event_id": one["event_id"],
        "event_type": "batch.completed",
        "batch_id": batch["id"],
        "created_at": int(NOON.timestamp()),
        "status": "pending",
        "attempt_count": 0,
        "attempts": [],
        "next_attempt_at": None,
    }
    assert (listed["first_id"], listed["has_more"]) == (one["id"], False)
    assert unknown.status_code == 404


@pytest.mark.parametrize("webhook", [URL, {"url": URL}])
async def test_a_batch_brings_a_webhook_and_is_shown_its_secret_once(served: Served, webhook: Any) -> None:
    made = await created(served, webhook=webhook)
    shown = made["overnight"]["webhook"]
    kept = await served.catalog.webhook_endpoint(shown["id"], project="default")
    assert (kept.batch_id, kept.url, kept.secret) == (made["id"], URL, shown["signing_secret"])
    async with served.http() as http:
        later = (await http.get(f"/v1/batches/{made['id']}")).json()["overnight"]["webhook"]
        listed = (await http.get("/v1/batches")).json()["data"][0]["overnight"]["webhook"]
    assert later == {**shown, "signing_secret": None}
    assert listed is None
    order = served.runs.started[made["id"]]
    assert "example.com" not in repr(order)
    assert kept.secret not in repr(order)


async def test_a_secret_that_the_client_has_chosen_is_not_repeated_to_it(served: Served) -> None:
    secret = new_secret()
    made = await created(served, webhook={"url": URL, "secret": secret})
    shown = made["overnight"]["webhook"]
    assert shown["signing_secret"] is None
    assert (await served.catalog.webhook_endpoint(shown["id"], project="default")).secret == secret


@pytest.mark.parametrize(
    ("webhook", "param"),
    [
        ("http://example.com/", "webhook.url"),
        ("https://169.254.169.254/", "webhook.url"),
        ({"url": URL, "secret": "hunter2"}, "webhook.secret"),
        ({"url": URL, "secret": "whsec_c2hvcnQ="}, "webhook.secret"),
        ({}, "webhook.url"),
        (7, "webhook"),
    ],
)
async def test_a_webhook_that_can_be_none_is_refused_before_anything_starts(
    served: Served, webhook: Any, param: str
) -> None:
    error = await refused(served, "/v1/batches", {**BODY, "webhook": webhook})
    assert error["param"] == param
    assert "hunter2" not in error["message"]
    assert served.runs.started == {}


async def test_a_repeat_shows_the_same_secret_since_the_first_answer_may_be_lost(served: Served) -> None:
    first = await created(served, key="k", webhook=URL)
    again = await created(served, key="k", webhook=URL)
    assert again["overnight"]["webhook"] == first["overnight"]["webhook"]
    assert served.runs.starts == 1


async def test_another_webhook_is_another_request(served: Served) -> None:
    await created(served, key="k", webhook=URL)
    for other in ("https://example.org/", None):
        await created(served, key="k", webhook=other, status=409)


async def test_a_batch_that_another_request_has_started_is_left_without_a_webhook(served: Served) -> None:
    # By another gateway, that has not written its row yet.
    batch_id = batch_id_for_key("default", "k")
    order = served.runs.started[(await created(served))["id"]]
    order = replace(order, batch_id=batch_id, parameters_hash="another")
    served.runs.started[batch_id] = order
    await created(served, key="k", webhook=URL, status=409)
    await served.catalog.add_batch(order)
    assert await told_at(served, batch_id) == []


async def test_a_webhook_is_not_that_of_a_request_which_started_nothing(served: Served) -> None:
    served.runs.unreachable = True
    await created(served, key="k", webhook=URL, status=503)
    await created(served, key="l", webhook=URL, status=503)
    served.runs.unreachable = False
    other = await created(served, key="k", webhook="https://example.org/")
    none = await created(served, key="l")
    assert (other["overnight"]["webhook"]["url"], none["overnight"]["webhook"]) == (
        "https://example.org/",
        None,
    )
    assert await told_at(served, other["id"]) == ["https://example.org/"]
    assert await told_at(served, none["id"]) == []


async def test_a_webhook_stays_when_another_request_of_that_key_comes_to_nothing(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = Runs.start

    async def start_behind_another(runs: Runs, order: BatchOrder) -> BatchOrder:
        # The other one keeps its webhook first, and is second to start.
        if "k" in waiting:
            waiting.remove("k")
            await created(served, key="k", webhook=URL)
        return await start(runs, order)

    waiting = ["k"]
    monkeypatch.setattr(Runs, "start", start_behind_another)
    await created(served, key="k", webhook="https://example.org/", status=409)
    again = await created(served, key="k", webhook=URL)
    assert again["overnight"]["webhook"]["url"] == URL
    assert await told_at(served, again["id"]) == [URL]


async def test_a_create_without_a_webhook_means_what_it_meant_before_there_were_any(served: Served) -> None:
    made = await created(served, key="k")
    same = await created(served, key="k", webhook=None)
    assert same["id"] == made["id"]
    assert made["overnight"]["webhook"] is None
