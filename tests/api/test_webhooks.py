"""OpenAI's webhooks: what is signed wakes the shard that follows the job, and nothing else does anything."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from standardwebhooks import Webhook
from structlog.testing import capture_logs

from api import openai_events
from api.webhooks import MAX_EVENT
from overnight.catalog import Catalog
from overnight.config import Settings
from overnight.domain.errors import CatalogUnavailable
from overnight.domain.job import BatchJob
from overnight.domain.status import BatchStatus
from tests.api.served import Served

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29rcw=="
SHARD = "batch_1/shard-0003"
OURS = BatchJob(
    id="batch_openai",
    provider="openai",
    deployment="dep_1",
    batch_id="batch_1",
    shard=3,
    number=1,
    workflow_id=SHARD,
    status=BatchStatus.IN_PROGRESS,
)


def event(kind: str = "batch.completed", *, job: str = OURS.id) -> bytes:
    body = {"id": "evt_1", "object": "event", "type": kind, "created_at": 1_750_000_000, "data": {"id": job}}
    return json.dumps(body).encode()


def signed(body: bytes, *, event_id: str = "evt_1", at: datetime | None = None) -> dict[str, str]:
    """The headers that OpenAI would send with `body`."""
    at = at or datetime.now(UTC)
    return {
        "content-type": "application/json",
        "webhook-id": event_id,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(SECRET).sign(event_id, at, body.decode()),
    }


async def send(
    served: Served, body: bytes, headers: Mapping[str, str | bytes] | None = None
) -> httpx2.Response:
    """Send it as OpenAI does, from the internet, with no key of ours."""
    async with served.http() as http:
        del http.headers["authorization"]
        given: dict[str, Any] = {
            "host": "batches.example.com",
            **(signed(body) if headers is None else headers),
        }
        return await http.post("/webhooks/openai", content=body, headers=given)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, openai_webhook_secret=SECRET)


@pytest.fixture
async def noted(served: Served) -> None:
    await served.catalog.note_job(OURS, now=datetime.now(UTC))


@pytest.mark.parametrize("kind", ["batch.completed", "batch.failed", "batch.expired", "batch.cancelled"])
@pytest.mark.usefixtures("noted")
async def test_the_end_of_a_job_wakes_the_shard_that_follows_it(served: Served, kind: str) -> None:
    answer = await send(served, event(kind))
    assert (answer.status_code, answer.content) == (200, b"")
    assert served.runs.woken == [SHARD]


@pytest.mark.usefixtures("noted")
async def test_an_event_that_comes_again_is_taken_and_wakes_nobody(served: Served) -> None:
    for _ in range(3):
        assert (await send(served, event())).status_code == 200
    assert served.runs.woken == [SHARD]


@pytest.mark.usefixtures("noted")
async def test_another_event_of_the_same_job_wakes_it_again(served: Served) -> None:
    for event_id in ("evt_1", "evt_2"):
        await send(served, event(), signed(event(), event_id=event_id))
    assert served.runs.woken == [SHARD, SHARD]


@pytest.mark.usefixtures("noted")
async def test_only_so_many_events_are_remembered(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openai_events, "REMEMBERED", 2)
    for number in (1, 2, 3, 2, 3, 1):
        await send(served, event(), signed(event(), event_id=f"evt_{number}"))
    # Those that are still remembered are not new, and the first is.
    assert served.runs.woken == [SHARD] * 4


@pytest.mark.parametrize("body", [event("response.completed"), event(job="batch_of_somebody_else")])
@pytest.mark.usefixtures("noted")
async def test_what_is_none_of_our_business_is_taken(served: Served, body: bytes) -> None:
    assert (await send(served, body)).status_code == 200
    assert served.runs.woken == []


async def test_a_job_of_that_id_at_another_provider_is_not_meant(served: Served) -> None:
    await served.catalog.note_job(replace(OURS, provider="azure"), now=datetime.now(UTC))
    assert (await send(served, event())).status_code == 200
    assert served.runs.woken == []


def by_somebody_else() -> dict[str, str]:
    signature = Webhook("whsec_YW5vdGhlciBzZWNyZXQ=").sign("evt_1", datetime.now(UTC), event().decode())
    return signed(event()) | {"webhook-signature": signature}


@pytest.mark.parametrize(
    "headers",
    [
        pytest.param(dict, id="unsigned"),
        pytest.param(by_somebody_else, id="signed with another secret"),
        pytest.param(lambda: signed(event()) | {"webhook-id": "evt_2"}, id="of another id"),
        pytest.param(lambda: signed(event("batch.failed")), id="of another body"),
        pytest.param(lambda: signed(event(), at=datetime.now(UTC) - timedelta(minutes=6)), id="too old"),
        pytest.param(lambda: signed(event(), at=datetime.now(UTC) + timedelta(minutes=6)), id="too new"),
        pytest.param(lambda: signed(event()) | {"webhook-timestamp": "soon"}, id="of no time"),
    ],
)
@pytest.mark.usefixtures("noted")
async def test_what_openai_did_not_sign_just_now_is_refused(
    served: Served, headers: Callable[[], dict[str, str]]
) -> None:
    answer = await send(served, event(), headers())
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "invalid_signature"
    assert served.runs.woken == []


@pytest.mark.parametrize("signature", ["v1", "v1,%%%", "v1,\u00e9", "v2,abc=", "v1,a,b", ""])
@pytest.mark.usefixtures("noted")
async def test_a_signature_that_can_not_be_read_is_refused(served: Served, signature: str) -> None:
    raw = signature.encode("latin-1")
    answer = await send(served, event(), signed(event()) | {"webhook-signature": raw})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_signature")
    assert served.runs.woken == []


@pytest.mark.usefixtures("noted")
async def test_a_body_that_is_no_text_is_refused(served: Served) -> None:
    answer = await send(served, b"\xff\xfe", signed(event()))
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_signature")


@pytest.mark.parametrize("body", [b"{oops", b"[]", b'{"type": "batch.failed", "data": {"id": 7}}'])
async def test_what_is_signed_and_no_event_is_refused(served: Served, body: bytes) -> None:
    assert (await send(served, body)).status_code == 400


@pytest.mark.usefixtures("noted")
async def test_while_temporal_is_away_openai_is_to_send_it_again(served: Served) -> None:
    served.runs.unreachable = True
    assert (await send(served, event())).status_code == 503
    served.runs.unreachable = False
    assert (await send(served, event())).status_code == 200
    assert served.runs.woken == [SHARD]


async def test_while_the_catalog_is_away_openai_is_to_send_it_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: object) -> BatchJob | None:
        raise CatalogUnavailable

    monkeypatch.setattr(Catalog, "job", away)
    assert (await send(served, event())).status_code == 503


async def test_an_event_has_a_bound(served: Served) -> None:
    body = b'{"pad": "' + b"x" * MAX_EVENT + b'"}'
    answer = await send(served, body)
    assert answer.status_code == 413
    assert "65536 bytes" in answer.json()["error"]["message"]


@pytest.mark.usefixtures("noted")
async def test_the_log_says_who_was_woken_and_not_what_came(served: Served) -> None:
    body = json.dumps({**json.loads(event()), "note": "very private"}).encode()
    with capture_logs() as log:
        await send(served, body)
        await send(served, body, {**signed(body), "webhook-id": "forged"})
    (woken,) = [line for line in log if line["event"] == "woken_by_webhook"]
    assert (woken["batch_id"], woken["job_id"]) == ("batch_1", OURS.id)
    assert "private" not in repr(log)
    assert "signature" not in repr(log)


class TestWithoutASecret:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, openai_webhook_secret=None)

    async def test_there_is_no_such_door(self, served: Served) -> None:
        answer = await send(served, event())
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "unknown_url"


class TestWithoutAMasterKey:
    @pytest.fixture
    def settings(self, settings: Settings) -> Settings:
        return replace(settings, master_key=None)

    @pytest.mark.usefixtures("noted")
    async def test_openai_may_call_under_a_name_that_is_not_this_machines(self, served: Served) -> None:
        assert (await send(served, event())).status_code == 200
        assert served.runs.woken == [SHARD]
