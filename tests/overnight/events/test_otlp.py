"""OTLP: GenAI's attributes, lines in bounded exports, and spans for who takes no logs."""

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from structlog.testing import capture_logs

from overnight.domain.errors import SinkUnavailable
from overnight.domain.event import EventType
from overnight.events import otlp
from overnight.events.gen_ai import exchange_attributes
from overnight.events.protocol import Bookmark, Exchange
from overnight.events.settings import Signal
from tests.overnight.events.happenings import ANSWER, PROMPT, event, exchanges, failure
from tests.overnight.events.places import otlp_place


async def test_a_log_record_speaks_the_genai_conventions() -> None:
    async with otlp_place() as place:
        await place.sink.emit(event())
        (record,) = place.records()
    said = record["attributes"]
    assert (record["service"], record["severity"]) == ("overnight", "INFO")
    assert record["at"] == int(event().at.timestamp()) * 10**9
    assert {name: value for name, value in said.items() if name.startswith("gen_ai.")} == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4o-mini",
        "gen_ai.usage.input_tokens": 120,
        "gen_ai.usage.output_tokens": 30,
        "gen_ai.usage.cache_read.input_tokens": 20,
        "gen_ai.usage.reasoning.output_tokens": 10,
        "gen_ai.usage.cost": 0.0001275,
    }
    assert said["overnight.batch.id"] == "batch_1"
    assert said["overnight.metadata.team"] == "search"
    assert said["overnight.duration.in_progress"] == 10_800.0


async def test_a_failure_is_an_error() -> None:
    async with otlp_place() as place:
        await place.sink.emit(failure())
        (record,) = place.records()
    assert (record["severity"], record["attributes"]["error.type"]) == ("ERROR", "model_not_found")


async def test_a_batch_is_one_trace_whose_last_event_spans_the_whole() -> None:
    async with otlp_place(Signal.TRACES) as place:
        for kind in (EventType.CREATED, EventType.SUBMITTED, EventType.SUCCESS):
            await place.sink.emit(event(kind))
        created, submitted, whole = place.records()
    assert len({span["trace_id"] for span in (created, submitted, whole)}) == 1
    assert whole["parent"] == b""
    assert created["parent"] == submitted["parent"] == whole["span_id"]
    assert len({span["span_id"] for span in (created, submitted, whole)}) == 3
    assert (whole["at"] - whole["since"]) / 10**9 == 10_920
    assert created["at"] == created["since"] == whole["since"]
    assert "gen_ai.usage.cost" not in submitted["attributes"]


async def test_lines_come_before_their_event_in_exports_of_bounded_size(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(otlp, "MOST_RECORDS", 2)
    async with otlp_place() as place:
        await place.sink.emit(event(), exchanges)
        records = place.records()
        assert len(place.receiver.posted) == 3
    assert [record["name"] for record in records] == ["batch_line"] * 3 + ["batch_success"]
    first, _, unanswered, _ = (record["attributes"] for record in records)
    assert f'"content":"{PROMPT} 0"' in first["gen_ai.input.messages"]
    assert f'"content":"{ANSWER} 0"' in first["gen_ai.output.messages"]
    assert (first["gen_ai.request.model"], first["gen_ai.response.model"]) == ("gpt", "gpt-4")
    assert unanswered["overnight.line.custom_id"] == "line-2"
    assert "overnight.line.result" not in unanswered


@pytest.mark.parametrize("odd", [b"1e999", b"1" * 5_000, b'"\\ud800"', b"[" * 5_000 + b"]" * 5_000])
def test_a_line_with_what_nobody_can_read_is_told_as_it_stands(odd: bytes) -> None:
    message = b'[{"role":"user","content":"hello"}]'
    asked = b'{"custom_id":"a","body":{"model":"gpt","top_p":%b,"messages":%b}}' % (odd, message)
    answered = b'{"custom_id":"a","response":{"body":{"model":%b,"choices":[{"message":{}}]}}}' % odd
    said = exchange_attributes(event(), Exchange(0, "a", asked, answered))
    assert said["overnight.line.request"] == asked.decode()
    assert said["overnight.line.result"] == answered.decode()
    assert said["overnight.line.custom_id"] == "a"


@pytest.mark.parametrize("line", [b'{"body":[1]}', b'{"body":null}', b"[]", b'{"body":{"messages":[3]}}'])
def test_a_line_of_another_shape_is_told_as_it_stands(line: bytes) -> None:
    said = exchange_attributes(event(), Exchange(0, "a", line, line))
    assert said["overnight.line.request"] == said["overnight.line.result"] == line.decode()


def test_what_can_be_read_of_a_line_is_told_beside_what_can_not() -> None:
    asked = b'{"body":{"model":"gpt","top_p":1e999,"messages":[{"role":"user","content":"hello"}]}}'
    said = exchange_attributes(event(), Exchange(0, "a", asked, None))
    assert said["gen_ai.request.model"] == "gpt"
    assert "hello" in str(said["gen_ai.input.messages"])


@pytest.mark.parametrize("signal", Signal)
async def test_what_a_sink_rejects_of_an_export_is_counted_once_and_not_sent_again(
    monkeypatch: pytest.MonkeyPatch, signal: Signal
) -> None:
    monkeypatch.setattr(otlp, "MOST_RECORDS", 2)
    async with otlp_place(signal) as place:
        place.receiver.answer = _rejecting(signal, why=f"{PROMPT} is too long")
        with capture_logs() as entries:
            await place.sink.emit(event(), exchanges)
        names = [record["name"] for record in place.records()]
    assert names == ["batch_line"] * 3 + ["batch_success"]
    (warning,) = entries
    assert (warning["log_level"], warning["sink"], warning["records"]) == ("warning", "otlp", 3)
    assert PROMPT not in str(warning)


async def test_lines_that_a_sink_has_taken_are_not_sent_again_when_it_is_offered_the_event_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(otlp, "MOST_RECORDS", 1)
    bookmark = Bookmark()
    async with otlp_place() as place:
        place.receiver.full_after = 2
        with pytest.raises(SinkUnavailable):
            await place.sink.emit(event(), exchanges, bookmark)
        assert bookmark.lines == 2
        place.receiver.full_after = None
        await place.sink.emit(event(), exchanges, bookmark)
        said = [record["attributes"].get("overnight.line.custom_id") for record in place.records()]
    assert said == ["line-0", "line-1", "line-2", None]


async def test_a_sink_that_answers_200_in_words_of_its_own_has_taken_it() -> None:
    async with otlp_place() as place:
        place.receiver.answer = b"OK, thank you"
        await place.sink.emit(event())


def _rejecting(signal: Signal, *, why: str) -> bytes:
    """What a sink answers that has taken an export but for one record."""
    if signal is Signal.LOGS:
        logs = ExportLogsServiceResponse()
        logs.partial_success.rejected_log_records = 1
        logs.partial_success.error_message = why
        return logs.SerializeToString()
    traces = ExportTraceServiceResponse()
    traces.partial_success.rejected_spans = 1
    traces.partial_success.error_message = why
    return traces.SerializeToString()
