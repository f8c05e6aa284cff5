"""What is uploaded: every request of the shard, once, in order, under the provider's name of the model."""

import json
from typing import Any

import pytest

from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import ObjectNotFound, Untranslatable
from overnight.domain.plan import ShardPlan
from overnight.jsonl import Request
from overnight.native_lane import JobInput
from overnight.providers.request_lines import RequestLines
from overnight.storage.memory import MemoryStorage
from tests.overnight.native_lane.shards import INPUT, line, stored

ODD_IDS = ["x" * 512, "😀" * 512, 'a "b" \\ c', "1\n2\r3\u2028", "", "%b", "é"]


def job_input(storage: MemoryStorage, plan: ShardPlan, **fields: Any) -> JobInput:
    given: dict[str, Any] = {"endpoint": Endpoint.CHAT_COMPLETIONS, "model": "deployed", **fields}
    shape = RequestLines(given["endpoint"], model=given["model"])
    return JobInput(storage=storage, input_key=INPUT, plan=plan, shape=shape)


async def content(of: JobInput) -> bytes:
    return b"".join([block async for block in of.content()])


async def test_the_shard_s_requests_are_there_once_and_in_order_and_no_others() -> None:
    storage = MemoryStorage()
    chunks = [line("a") + b"\n\r\n" + line("b").replace(b"\n", b"\r\n"), b" \n" + line("c").rstrip(b"\n")]
    plan = await stored(storage, chunks, before=b"\n" + line("of another shard") * 3, first_index=3)
    uploaded = await content(job_input(storage, plan))
    assert [json.loads(each)["custom_id"] for each in uploaded.splitlines()] == ["a", "b", "c"]
    assert uploaded.endswith(b"}\n")
    assert b"\n\n" not in uploaded


async def test_a_request_says_what_the_batch_api_wants() -> None:
    storage = MemoryStorage()
    plan = await stored(storage, [line("a", n=1)])
    (uploaded,) = (await content(job_input(storage, plan, endpoint=Endpoint.RESPONSES))).splitlines()
    assert json.loads(uploaded) == {
        "custom_id": "a",
        "method": "POST",
        "url": "/v1/responses",
        "body": {"model": "deployed", "n": 1},
    }


@pytest.mark.parametrize("custom_id", ODD_IDS, ids=range(len(ODD_IDS)))
async def test_any_custom_id_goes_out_as_it_was_on_one_line(custom_id: str) -> None:
    storage = MemoryStorage()
    plan = await stored(storage, [line(custom_id)])
    (uploaded,) = (await content(job_input(storage, plan))).splitlines()
    assert json.loads(uploaded)["custom_id"] == custom_id


async def test_without_a_model_of_its_own_a_deployment_gets_the_bodies_as_they_were_written() -> None:
    storage = MemoryStorage()
    body = b'{ "model":"any/thing", "n":1.50,"t":"\\u00e4%b \xc3\xa4" }'
    written = b'{"custom_id":"a","method":"POST","url":"/v1/chat/completions","body":%b}\n' % body
    plan = await stored(storage, [written])
    assert b'"body":' + body + b"}" in await content(job_input(storage, plan, model=None))


async def test_the_size_is_that_of_the_content_which_can_be_read_again_and_again() -> None:
    storage = MemoryStorage()
    plan = await stored(storage, [line(f"é-{number}") * 1 for number in range(50)])
    uploaded = job_input(storage, plan)
    assert await uploaded.size() == len(await content(uploaded)) == len(await content(uploaded))


class Picky(RequestLines):
    """A shape that can't express every line."""

    def row(self, request: Request) -> bytes:
        fault = self.fault(request)
        if fault is not None:
            raise fault
        return super().row(request)

    def fault(self, request: Request) -> Untranslatable | None:
        refused = request.custom_id.startswith("bad")
        return Untranslatable("logit_bias can't be expressed.", param="logit_bias") if refused else None


async def test_requests_that_the_provider_can_t_be_asked_are_left_out() -> None:
    storage = MemoryStorage()
    plan = await stored(storage, [line("a") + line("bad"), line("b")])
    shape = Picky(Endpoint.CHAT_COMPLETIONS, model=None)
    uploaded = JobInput(storage=storage, input_key=INPUT, plan=plan, shape=shape)
    rows = (await content(uploaded)).splitlines()
    assert [json.loads(row)["custom_id"] for row in rows] == ["a", "b"]
    assert await uploaded.size() == len(await content(uploaded))


async def test_an_input_that_is_gone_is_no_empty_input() -> None:
    storage = MemoryStorage()
    plan = await stored(storage, [line("a")])
    await storage.delete(INPUT)
    with pytest.raises(ObjectNotFound):
        await job_input(storage, plan).size()
