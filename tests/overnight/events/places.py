"""Real receivers of events, one for each kind of sink, as the contract's tests see them."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from standardwebhooks import Webhook

from overnight.events.litellm import LitellmSink
from overnight.events.objects import ObjectsSink
from overnight.events.opening import opened_sink
from overnight.events.protocol import Sink
from overnight.events.settings import LitellmSettings, OtlpSettings, Signal, WebhookSettings
from tests.emulators.bucket import Bucket
from tests.overnight.events.receiver import Receiver
from tests.ports import free_port

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
KEY = "sk-of-the-observability-product"


class Place(Protocol):
    """Somewhere events are kept, and the sink that hands them over."""

    sink: Sink

    async def heard(self) -> list[dict[str, Any]]:
        """Return of each event that has come its `id`, `type`, `tokens` and `response_cost`."""
        ...

    def down(self) -> AbstractAsyncContextManager[Sink]:
        """Be out of reach for the block; return the sink that is to try."""
        ...


@dataclass
class _ReceiverPlace:
    """A place that is reached by HTTP, and down when nobody listens there."""

    receiver: Receiver
    sink: Sink

    @asynccontextmanager
    async def down(self) -> AsyncIterator[Sink]:
        await self.receiver.stop()
        yield self.sink
        await self.receiver.start()


@dataclass
class WebhookPlace(_ReceiverPlace):
    async def heard(self) -> list[dict[str, Any]]:
        found = []
        for posted in self.receiver.posted:
            # Raises unless it was signed with the secret, just now.
            told = Webhook(SECRET).verify(posted.body, posted.headers)
            assert posted.headers["webhook-id"] == told["id"]
            found.append(_essence(told))
        return found


@dataclass
class OtlpPlace(_ReceiverPlace):
    signal: Signal = Signal.LOGS

    async def heard(self) -> list[dict[str, Any]]:
        assert all(posted.headers["x-key"] == KEY for posted in self.receiver.posted)
        return [_of_attributes(record) for record in self.records() if record["name"] != "batch_line"]

    def records(self) -> list[dict[str, Any]]:
        """Return what was exported: each record's name, ids and attributes."""
        found = []
        for posted in self.receiver.posted:
            assert posted.path == f"/v1/{self.signal.value}"
            assert posted.headers["content-type"] == "application/x-protobuf"
            found += logs_in(posted.body) if self.signal is Signal.LOGS else spans_in(posted.body)
        return found


@dataclass
class BucketPlace:
    bucket: Bucket
    sink: Sink
    _opened: list[Any] = field(default_factory=list)

    async def heard(self) -> list[dict[str, Any]]:
        found = []
        for name in self.bucket.names():
            if not name.endswith(".content.jsonl"):
                (line,) = (await self.text(name)).splitlines()
                found.append(_essence(json.loads(line)))
        return found

    async def text(self, name: str) -> str:
        storage = self.bucket.storage()
        content = b"".join([block async for block in storage.get(name)])
        await storage.close()
        return content.decode()

    @asynccontextmanager
    async def down(self) -> AsyncIterator[Sink]:
        nowhere = self.bucket.storage(port=free_port())
        yield ObjectsSink(nowhere)
        await nowhere.close()


@dataclass
class LitellmPlace(_ReceiverPlace):
    """LiteLLM's own callback `generic_api`, which posts to a URL."""

    async def heard(self) -> list[dict[str, Any]]:
        return [_of_litellm(call) for call in self.calls()]

    def calls(self) -> list[dict[str, Any]]:
        return [call for posted in self.receiver.posted for call in json.loads(posted.body)]


@asynccontextmanager
async def webhook_place() -> AsyncIterator[WebhookPlace]:
    async with Receiver() as receiver:
        settings = WebhookSettings(name="audit", url=f"{receiver.url}/hook?token={KEY}", secret=SECRET)
        async with opened_sink(settings) as sink:
            yield WebhookPlace(receiver, sink)


@asynccontextmanager
async def otlp_place(signal: Signal = Signal.LOGS) -> AsyncIterator[OtlpPlace]:
    async with Receiver() as receiver:
        settings = OtlpSettings(
            name="otlp", url=f"{receiver.url}/v1/{signal.value}", signal=signal, headers={"x-key": KEY}
        )
        async with opened_sink(settings) as sink:
            yield OtlpPlace(receiver, sink, signal)


@asynccontextmanager
async def bucket_place(bucket: Bucket) -> AsyncIterator[BucketPlace]:
    storage = bucket.storage()
    yield BucketPlace(bucket, ObjectsSink(storage))
    await storage.close()


@asynccontextmanager
async def litellm_place(environ: Any) -> AsyncIterator[LitellmPlace]:
    async with Receiver() as receiver:
        environ("GENERIC_LOGGER_ENDPOINT", receiver.url)
        environ("GENERIC_LOGGER_HEADERS", f"x-key={KEY}")
        yield LitellmPlace(receiver, LitellmSink(LitellmSettings(name="generic", callback="generic_api")))


def logs_in(body: bytes) -> list[dict[str, Any]]:
    request = ExportLogsServiceRequest.FromString(body)
    return [
        {
            "name": record.event_name,
            "trace_id": record.trace_id,
            "span_id": record.span_id,
            "severity": record.severity_text,
            "service": values(logs.resource.attributes)["service.name"],
            "body": record.body.string_value,
            "at": record.time_unix_nano,
            "attributes": values(record.attributes),
        }
        for logs in request.resource_logs
        for scope in logs.scope_logs
        for record in scope.log_records
    ]


def spans_in(body: bytes) -> list[dict[str, Any]]:
    request = ExportTraceServiceRequest.FromString(body)
    return [
        {
            "name": span.name,
            "trace_id": span.trace_id,
            "span_id": span.span_id,
            "parent": span.parent_span_id,
            "since": span.start_time_unix_nano,
            "at": span.end_time_unix_nano,
            "attributes": values(span.attributes),
        }
        for spans in request.resource_spans
        for scope in spans.scope_spans
        for span in scope.spans
    ]


def values(attributes: Any) -> dict[str, Any]:
    pairs: list[KeyValue] = list(attributes)
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}


def _essence(told: dict[str, Any]) -> dict[str, Any]:
    return {name: told[name] for name in ("id", "type", "tokens", "response_cost")}


def _of_attributes(record: dict[str, Any]) -> dict[str, Any]:
    said = record["attributes"]
    return {
        "id": said["overnight.event.id"],
        "type": record["name"],
        "tokens": said.get("overnight.tokens"),
        "response_cost": said.get("overnight.response_cost"),
    }


def _of_litellm(call: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": call["litellm_call_id"],
        "type": f"batch_{'failed' if call['status'] == 'failure' else 'success'}",
        "tokens": call["total_tokens"],
        "response_cost": call["response_cost"],
    }
