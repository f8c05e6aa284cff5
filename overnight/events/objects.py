"""Events as objects of a bucket, a JSONL file each, in a folder for each day.

The name is the event's id, so an event that comes twice is still one object.
"""

from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec

from overnight.domain.errors import SinkRefused, SinkUnavailable, StorageError, StorageRefused
from overnight.domain.event import BatchEvent, Content
from overnight.events.encoding import as_json, timestamp
from overnight.events.protocol import Bookmark, Exchange, Exchanges
from overnight.storage.protocol import Storage

_BLOCK = 256 * 2**10


class ObjectsSink:
    """A Sink that is a bucket."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    async def emit(
        self,
        event: BatchEvent,
        exchanges: Exchanges | None = None,
        bookmark: Bookmark | None = None,  # noqa: ARG002 - its lines are one object, which is there or not
    ) -> None:
        """Store the event's object, after that of its content; see Sink."""
        try:
            if exchanges is not None:
                event = replace(event, content=await self._store_content(event, exchanges))
            await self._storage.put(f"{_folder(event)}{event.id}.jsonl", _once(as_json(event) + b"\n"))
        except StorageRefused as error:
            raise SinkRefused(f"the bucket refuses the event: {error.reason}") from error
        except StorageError as error:
            raise SinkUnavailable(f"the bucket did not take the event: {error.reason}") from error

    async def _store_content(self, event: BatchEvent, exchanges: Exchanges) -> Content:
        key = f"{_folder(event)}{event.id}.content.jsonl"
        lines = 0

        async def content() -> AsyncIterator[bytes]:
            nonlocal lines
            block = bytearray()
            async for exchange in exchanges():
                block += _line(event, exchange)
                lines += 1
                if len(block) >= _BLOCK:
                    yield bytes(block)
                    block.clear()
            yield bytes(block)

        await self._storage.put(key, content())
        return Content(object=key, lines=lines)


def _folder(event: BatchEvent) -> str:
    return f"date={timestamp(event.at)[:10]}/"


def _line(event: BatchEvent, exchange: Exchange) -> bytes:
    return b'{"event_id":"%b","batch_id":"%b","index":%d,"custom_id":%b,"request":%b,"result":%b}\n' % (
        event.id.encode(),
        event.batch_id.encode(),
        exchange.index,
        msgspec.json.encode(exchange.custom_id),
        exchange.request,
        exchange.answer or b"null",
    )


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content
