"""Events of real batches to several sinks at once: one is dead, one hangs, and the worker is killed."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Serve
from tests.acceptance.inputs import submit, write_requests
from tests.acceptance.serving import Served, ended, eventually, results
from tests.acceptance.simulated import Endpoint
from tests.emulators.s3 import KEY_ID, SECRET, S3Bucket, S3Server
from tests.overnight.events.places import SECRET as HOOK_SECRET
from tests.overnight.events.places import BucketPlace, LitellmPlace, OtlpPlace, WebhookPlace
from tests.overnight.events.receiver import Receiver

LINES = 40
API_KEY = "sk-endpoint-4711"
OTLP_KEY = "sk-of-the-observability-product"
TOLD = ("acreate_batch", "batch_submitted", "batch_success")

CONFIG = """
model_list:
  - model_name: night
    litellm_params: {{model: hosted_vllm/night-7b, api_base: "{api_base}", api_key: os.environ/ENDPOINT_KEY}}
    model_info: {{input_cost_per_token_batches: 0.000001, output_cost_per_token_batches: 0.000002}}
event_sinks:
  - type: log
  - {{type: webhook, url: "{hook}/events", secret: os.environ/HOOK_SECRET}}
  - {{type: otlp, endpoint: "{collector}", headers: {{x-key: os.environ/OTLP_KEY}}}}
  - type: objects
    log_content: {log_content}
    storage:
      s3_bucket_name: {bucket}
      s3_region_name: us-west-2
      s3_prefix: events
      s3_endpoint_url: "{s3}"
      s3_aws_access_key_id: os.environ/S3_KEY_ID
      s3_aws_secret_access_key: os.environ/S3_SECRET
  - {{type: litellm, callback: generic_api}}
"""


class Audience:
    """All the sinks of one `serve`."""

    def __init__(self, hook: Receiver, collector: Receiver, litellm: Receiver, bucket: S3Bucket) -> None:
        self.hook, self.collector, self.litellm = hook, collector, litellm
        unused: Any = None
        self.webhook = WebhookPlace(hook, unused)
        self.otlp = OtlpPlace(collector, unused)
        self.callback = LitellmPlace(litellm, unused)
        self.bucket = BucketPlace(bucket, unused)

    def config(self, endpoint: Endpoint, s3: S3Server, *, log_content: bool = False) -> str:
        return CONFIG.format(
            api_base=endpoint.base_url,
            hook=self.hook.url,
            collector=self.collector.url,
            bucket=self.bucket.bucket.bucket,
            s3=s3.url,
            log_content=str(log_content).lower(),
        )

    @property
    def environ(self) -> dict[str, str]:
        return {
            "ENDPOINT_KEY": API_KEY,
            "HOOK_SECRET": HOOK_SECRET,
            "OTLP_KEY": OTLP_KEY,
            "S3_KEY_ID": KEY_ID,
            "S3_SECRET": SECRET,
            "GENERIC_LOGGER_ENDPOINT": self.litellm.url,
        }

    async def ids(self) -> dict[str, dict[str, str]]:
        """Return for each sink which event had which id."""
        heard = {
            "webhook": await self.webhook.heard(),
            "otlp": await self.otlp.heard(),
            "objects": await self.bucket.heard(),
        }
        return {sink: {each["type"]: each["id"] for each in told} for sink, told in heard.items()}

    async def everything(self) -> str:
        """Return all that the sinks were sent, as one text."""
        posted = [
            f"{each.headers} {each.body!r}"
            for receiver in (self.hook, self.litellm)
            for each in receiver.posted
        ]
        exported = [str(record) for record in self.otlp.records()]
        stored = [await self.bucket.text(name) for name in self.bucket.bucket.names()]
        return "\n".join([*posted, *exported, *stored])


@pytest.fixture
def audience(s3: S3Server) -> Callable[..., Audience]:
    def audience(hook: Receiver, collector: Receiver, litellm: Receiver) -> Audience:
        return Audience(hook, collector, litellm, s3.new_bucket())

    return audience


async def test_every_sink_hears_of_a_batch_though_one_is_dead_one_hangs_and_the_worker_is_killed(
    begin: Serve, tmp_path: Path, endpoint: Endpoint, s3: S3Server, audience: Callable[..., Audience]
) -> None:
    async with Receiver(hangs=True) as hook, Receiver() as collector, Receiver() as litellm:
        sinks = audience(hook, collector, litellm)
        await collector.stop()
        served = begin("events", config=sinks.config(endpoint, s3), **sinks.environ)
        final = await _batch(served, tmp_path)
        # Nobody has waited for those two.
        assert final.status == "completed"
        assert await sinks.webhook.heard() == await sinks.otlp.heard() == []
        await eventually(lambda: _bucket_has(sinks, "batch_success"))

        await asyncio.to_thread(served.kill, "worker")
        hook.recover()
        await collector.start()
        await eventually(lambda: _all_told(sinks))

    told = await sinks.ids()
    assert told["webhook"] == told["otlp"] == told["objects"] == _logged(served)
    assert {call["litellm_call_id"] for call in sinks.callback.calls()} == {
        told["otlp"]["acreate_batch"],
        told["otlp"]["batch_success"],
    }
    await _assert_as_get_says(sinks, final)
    everything = await sinks.everything() + _event_lines(served)
    answer = results(served.client, final.output_file_id)[0]["response"]["body"]["choices"][0]["message"]
    for secret in ("question 7", answer["content"], API_KEY, OTLP_KEY, HOOK_SECRET, SECRET):
        assert secret not in everything


async def test_prompts_and_answers_come_where_they_are_asked_for_and_nowhere_else(
    begin: Serve, tmp_path: Path, endpoint: Endpoint, s3: S3Server, audience: Callable[..., Audience]
) -> None:
    async with Receiver() as hook, Receiver() as collector, Receiver() as litellm:
        sinks = audience(hook, collector, litellm)
        served = begin("content", config=sinks.config(endpoint, s3, log_content=True), **sinks.environ)
        final = await _batch(served, tmp_path)
        await eventually(lambda: _all_told(sinks))
        (content,) = [name for name in sinks.bucket.bucket.names() if name.endswith(".content.jsonl")]
        lines = [json.loads(line) for line in (await sinks.bucket.text(content)).splitlines()]
        elsewhere = "".join(str(each.body) for each in (*hook.posted, *litellm.posted))
        elsewhere += str(sinks.otlp.records())
    assert [line["custom_id"] for line in lines] == [f"r-{number}" for number in range(LINES)]
    assert lines[7]["request"]["body"]["messages"][0]["content"] == "question 7"
    delivered = {line["custom_id"]: line for line in results(served.client, final.output_file_id)}
    assert {line["custom_id"]: line["result"] for line in lines} == delivered
    assert "question 7" not in elsewhere


async def _batch(served: Served, folder: Path) -> Any:
    """Run a batch to its end, and return what GET says of it."""

    def run() -> Any:
        served.start()
        batch = submit(served.client, write_requests(folder / "in.jsonl", LINES), metadata={"team": "search"})
        return ended(served.client, batch.id, log=served.log)

    return await asyncio.to_thread(run)


async def _bucket_has(sinks: Audience, event: str) -> bool:
    return event in {each["type"] for each in await sinks.bucket.heard()}


async def _all_told(sinks: Audience) -> bool:
    told = (await sinks.ids()).values()
    return all(set(TOLD) <= set(events) for events in told) and len(sinks.callback.calls()) >= 2


async def _assert_as_get_says(sinks: Audience, final: Any) -> None:
    cost, tokens = float(final.model_extra["overnight"]["cost_usd"]), final.usage.total_tokens
    for place in (sinks.webhook, sinks.otlp, sinks.bucket):
        last = [told for told in await place.heard() if told["type"] == "batch_success"]
        assert {(told["response_cost"], told["tokens"]) for told in last} == {(cost, tokens)}
    last = [call for call in sinks.callback.calls() if call["call_type"] == "aretrieve_batch"]
    assert {(call["response_cost"], call["total_tokens"]) for call in last} == {(cost, tokens)}


def _event_lines(served: Served) -> str:
    return "\n".join(line for line in served.log.read_text().splitlines() if '"batch_event"' in line)


def _logged(served: Served) -> dict[str, str]:
    events = (json.loads(line)["batch_event"] for line in _event_lines(served).splitlines())
    return {event["type"]: event["id"] for event in events}
