"""A receiver on a real socket that does what a test plans, and remembers what it was sent."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Receiver:
    """Answers each request with `answer`, byte for byte; None is to hang."""

    answer: bytes | None = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"
    port: int = 0
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    endless: bytes = b""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        self.connections += 1
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            size = next(
                int(line.split(b":")[1])
                for line in head.lower().splitlines()
                if line.startswith(b"content-length")
            )
            self.requests.append(head + await reader.readexactly(size))
            if self.answer is None:
                await reader.read()
            else:
                writer.write(self.answer)
                await writer.drain()
                while self.endless:
                    writer.write(self.endless)
                    await writer.drain()
        writer.close()


@asynccontextmanager
async def receiving(
    answer: bytes | None = Receiver.answer, *, tls: ssl.SSLContext | None = None, endless: bytes = b""
) -> AsyncIterator[Receiver]:
    """Listen on a port of loopback."""
    receiver = Receiver(answer, endless=endless)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
