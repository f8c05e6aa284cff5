"""Settings → a sink that is ready to be used, and that is closed again."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import assert_never

from overnight.events.log import LogSink
from overnight.events.objects import ObjectsSink
from overnight.events.otlp import OtlpSink
from overnight.events.posting import Poster
from overnight.events.protocol import Sink
from overnight.events.settings import (
    LitellmSettings,
    LogSettings,
    ObjectsSettings,
    OtlpSettings,
    SinkSettings,
    WebhookSettings,
)
from overnight.events.webhook import WebhookSink
from overnight.storage.opening import opened


@asynccontextmanager
async def opened_sink(settings: SinkSettings) -> AsyncIterator[Sink]:
    """Give the sink for as long as the block runs. Nothing is asked of it yet."""
    async with AsyncExitStack() as stack:
        yield await _sink(settings, stack)


async def _sink(settings: SinkSettings, stack: AsyncExitStack) -> Sink:
    match settings:
        case LogSettings():
            return LogSink()
        case OtlpSettings():
            return OtlpSink(settings, _poster(settings.url, stack))
        case WebhookSettings():
            return WebhookSink(settings, _poster(settings.url, stack))
        case ObjectsSettings():
            return ObjectsSink(await stack.enter_async_context(opened(settings.bucket)))
        case LitellmSettings():
            from overnight.events.litellm import LitellmSink  # noqa: PLC0415 - an extra, and slow to import

            return LitellmSink(settings)
        case _:
            assert_never(settings)


def _poster(url: str, stack: AsyncExitStack) -> Poster:
    poster = Poster(url)
    stack.push_async_callback(poster.close)
    return poster
