"""What every Sink must do, against a real receiver. A new one adds itself to `place` and passes all of it."""

from collections.abc import AsyncIterator

import pytest

from overnight.domain.errors import SinkError, SinkUnavailable
from overnight.events.settings import Signal
from tests.overnight.events.happenings import event, failure
from tests.overnight.events.places import (
    KEY,
    SECRET,
    Place,
    bucket_place,
    litellm_place,
    otlp_place,
    webhook_place,
)

BUCKETS = ("s3", "gcs", "azure_blob")


@pytest.fixture(params=("webhook", "otlp", "otlp traces", "litellm", *BUCKETS))
async def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    match request.param:
        case "webhook":
            opened = webhook_place()
        case "otlp":
            opened = otlp_place()
        case "otlp traces":
            opened = otlp_place(Signal.TRACES)
        case "litellm":
            opened = litellm_place(monkeypatch.setenv)
        case server:
            opened = bucket_place(request.getfixturevalue(server).new_bucket())
    async with opened as there:
        yield there


async def test_what_was_handed_over_is_there_with_its_tokens_and_its_cost(place: Place) -> None:
    told = event()
    await place.sink.emit(told)
    assert await place.heard() == [
        {"id": told.id, "type": "batch_success", "tokens": 150, "response_cost": 0.0001275}
    ]


async def test_an_event_that_comes_twice_is_the_same_one(place: Place) -> None:
    for _ in range(2):
        await place.sink.emit(event())
    assert {each["id"] for each in await place.heard()} == {event().id}


async def test_a_failure_is_told_too(place: Place) -> None:
    await place.sink.emit(failure())
    (told,) = await place.heard()
    assert (told["id"], told["type"]) == (failure().id, "batch_failed")


async def test_a_sink_that_is_down_says_so_without_a_secret_and_takes_the_event_later(place: Place) -> None:
    async with place.down() as unreachable:
        with pytest.raises(SinkUnavailable) as caught:
            await unreachable.emit(event())
    said: SinkError = caught.value
    assert not any(secret in said.message for secret in (KEY, SECRET, "127.0.0.1"))
    await place.sink.emit(event())
    (told,) = await place.heard()
    assert told["id"] == event().id
