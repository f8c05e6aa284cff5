"""LiteLLM's own callbacks: what they are told of a batch, and that what they swallow is noticed."""

import pytest

from overnight.domain.errors import SinkRefused, SinkUnavailable
from overnight.domain.event import EventType
from overnight.events.litellm import LitellmSink
from overnight.events.settings import LitellmSettings
from tests.overnight.events.happenings import event, failure
from tests.overnight.events.places import litellm_place


def sink(callback: str, **fields: bool) -> LitellmSink:
    return LitellmSink(LitellmSettings(name="it", callback=callback, **fields))


async def test_a_batch_is_told_as_litellms_own_two_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    async with litellm_place(monkeypatch.setenv) as place:
        for kind in (EventType.CREATED, EventType.SUBMITTED, EventType.PROGRESS, EventType.SUCCESS):
            await place.sink.emit(event(kind))
        created, ended = place.calls()
    assert (created["call_type"], ended["call_type"]) == ("acreate_batch", "aretrieve_batch")
    assert (created["response_cost"], ended["response_cost"]) == (0, 0.0001275)
    assert (ended["prompt_tokens"], ended["completion_tokens"]) == (120, 30)
    assert (ended["model"], ended["custom_llm_provider"]) == ("gpt-4o-mini", "openai")
    assert ended["metadata"]["requester_metadata"]["team"] == "search"
    assert ended["metadata"]["requester_metadata"]["overnight_event_id"] == event().id
    assert ended["response"]["status"] == "completed"
    assert ended["endTime"] - ended["startTime"] == 10_920
    assert ended["messages"] is None


async def test_a_failure_is_told_as_one(monkeypatch: pytest.MonkeyPatch) -> None:
    async with litellm_place(monkeypatch.setenv) as place:
        await place.sink.emit(failure())
        (call,) = place.calls()
    assert (call["status"], call["error_str"]) == ("failure", "the batch failed: model_not_found")


async def test_what_litellm_swallows_is_noticed_and_not_sent_twice_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with litellm_place(monkeypatch.setenv) as place:
        place.receiver.status = 500
        for _ in range(2):
            with pytest.raises(SinkUnavailable, match="did not take the event"):
                await place.sink.emit(event())
        place.receiver.status = 200
        await place.sink.emit(event())
        assert len(place.calls()) == 1


async def test_a_callback_hears_only_of_what_it_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    # It would raise if it were called.
    await sink("no such callback", successes=False).emit(event())
    await sink("no such callback", failures=False).emit(failure())


async def test_a_callback_that_is_not_there_or_not_set_up_is_a_refusal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(SinkRefused, match="no logging callback 'nobody'"):
        await sink("nobody").emit(event())
    monkeypatch.delenv("DD_API_KEY", raising=False)
    with pytest.raises(SinkRefused, match="'datadog' can't be set up"):
        await sink("datadog").emit(event())
