"""Posting to a sink: what each answer means, and that nothing is waited for without end."""

import asyncio
from datetime import timedelta

import pytest

from overnight.domain.errors import SinkRefused, SinkUnavailable
from overnight.events.posting import Poster
from tests.overnight.events.receiver import Receiver


async def post(receiver: Receiver, *, within: timedelta = timedelta(seconds=15)) -> bytes:
    poster = Poster(f"{receiver.url}/secret-path", answer_within=within)
    try:
        return await poster.post(b"{}", {})
    finally:
        await poster.close()


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503])
async def test_a_sink_that_is_not_well_is_unavailable(status: int) -> None:
    async with Receiver(status=status) as receiver:
        with pytest.raises(SinkUnavailable, match=str(status)):
            await post(receiver)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413])
async def test_a_sink_that_says_no_refuses_and_is_not_followed_elsewhere(status: int) -> None:
    async with Receiver(status=status) as receiver:
        with pytest.raises(SinkRefused, match=str(status)) as caught:
            await post(receiver)
        assert receiver.refused == 1
    assert "secret-path" not in caught.value.message


async def test_a_sink_that_hangs_is_given_up_soon() -> None:
    async with Receiver(hangs=True) as receiver:
        async with asyncio.timeout(60):
            with pytest.raises(SinkUnavailable):
                await post(receiver, within=timedelta(seconds=0.2))
