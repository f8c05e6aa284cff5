"""OpenAI's own webhooks, checked as OpenAI's SDK checks them."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from openai import AsyncOpenAI

from tests.simulators.rehearsing import Rehearsal, jsonl

SECRET = "whsec_c2VjcmV0IG9mIHRoZSB3ZWJob29rcw=="


class Receiver:
    """Takes webhooks, the first of them only at the second try."""

    def __init__(self) -> None:
        self.arrived: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
        self.tries = 0

    async def take(self, request: web.Request) -> web.Response:
        self.tries += 1
        if self.tries == 1:
            return web.Response(status=500)
        await self.arrived.put((dict(request.headers), await request.read()))
        return web.Response()


@pytest.fixture
async def receiver(openai: Rehearsal) -> AsyncIterator[Receiver]:
    taking = Receiver()
    app = web.Application()
    app.router.add_post("/webhooks/openai", taking.take)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/webhooks/openai"
    await openai.order("/rules", {"webhook_url": url, "webhook_secret": SECRET})
    yield taking
    await runner.cleanup()


@pytest.mark.parametrize("end", ["completed", "failed", "expired", "cancelled"])
async def test_each_end_of_a_batch_is_announced_and_signed(
    openai: Rehearsal, receiver: Receiver, end: str
) -> None:
    if end == "expired":
        await openai.order("/faults", {"job": {"expire_at": 0.5}})
    created = await openai.create(b"{}\n" if end == "failed" else jsonl(1))
    if end == "cancelled":
        await openai.client.batches.cancel(created.id)
    await openai.wait(100)
    headers, body = await asyncio.wait_for(receiver.arrived.get(), 60)
    async with AsyncOpenAI(api_key="sk-1", webhook_secret=SECRET) as client:
        event = client.webhooks.unwrap(body, headers)
    assert event.type == f"batch.{end}"
    assert json.loads(body)["data"] == {"id": created.id}
    delivered = (await openai.look())["webhooks"]
    assert [(each["id"], each["batch"], each["tries"]) for each in delivered] == [(event.id, created.id, 2)]
