"""A network that breaks: it stands between a client and a server, and cuts connections as it is told."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

_READ_BYTES = 2**16
_REQUEST = re.compile(rb"(GET|HEAD|PUT|POST|DELETE) /")


@dataclass(slots=True)
class Cut:
    """When to cut a connection: after so many bytes from one side, or instead of answering a request.

    `times` is how often. A connection counts from its own first byte.
    """

    after_sent: int | None = None
    after_received: int | None = None
    instead_of_answer_to: bytes | None = None
    times: int = 1


class Proxy:
    """Passes everything on to `target`, a port of this machine, but for what `cut` says.

    What is sent is on its way for `delay` seconds.
    """

    def __init__(self, target: int) -> None:
        self._target = target
        self.cut: Cut | None = None
        self.cuts = 0
        self.requests = 0
        self.delay = 0.0
        self.port = 0

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = await asyncio.open_connection("127.0.0.1", self._target)
        connection = _Connection(self, (reader, writer), there)
        try:
            await asyncio.wait(connection.directions(), return_when=asyncio.FIRST_COMPLETED)
        finally:
            connection.close()

    def shall_cut(self, *, sent: int = 0, received: int = 0, silenced: bool = False) -> bool:
        cut = self.cut
        if cut is None or cut.times == 0:
            return False
        due = silenced or _over(sent, cut.after_sent) or _over(received, cut.after_received)
        if due:
            cut.times -= 1
            self.cuts += 1
        return due


Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class _Connection:
    def __init__(self, proxy: Proxy, here: Streams, there: Streams) -> None:
        self._proxy = proxy
        self._here = here
        self._there = there
        self._silenced = False
        self._tasks: list[asyncio.Task[None]] = []

    def directions(self) -> list[asyncio.Task[None]]:
        self._tasks = [asyncio.create_task(self._send()), asyncio.create_task(self._receive())]
        return self._tasks

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for _, writer in (self._here, self._there):
            # Reset, as a network that breaks does not say goodbye.
            writer.transport.abort()

    async def _send(self) -> None:
        sent = 0
        with suppress(ConnectionError):
            while data := await self._here[0].read(_READ_BYTES):
                sent += len(data)
                self._proxy.requests += bool(_REQUEST.match(data))
                if self._proxy.shall_cut(sent=sent):
                    return
                marker = self._proxy.cut and self._proxy.cut.instead_of_answer_to
                self._silenced = self._silenced or bool(marker and marker in data)
                await asyncio.sleep(self._proxy.delay)
                self._there[1].write(data)
                await self._there[1].drain()

    async def _receive(self) -> None:
        received = 0
        with suppress(ConnectionError):
            while data := await self._there[0].read(_READ_BYTES):
                received += len(data)
                if self._proxy.shall_cut(received=received, silenced=self._silenced):
                    return
                self._silenced = False
                self._here[1].write(data)
                await self._here[1].drain()


def _over(count: int, most: int | None) -> bool:
    return most is not None and count > most


@asynccontextmanager
async def proxy_to(port: int) -> AsyncIterator[Proxy]:
    """Run a proxy until the block ends."""
    proxy = Proxy(port)
    server = await asyncio.start_server(proxy.connected, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
