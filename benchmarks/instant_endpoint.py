"""An endpoint that answers every request at once with the same chat completion, and does nothing else.

It is what a loop that sends lines is measured against: the cheaper the other side, the more of the machine
is left for what is measured. Prints its port.
"""

import asyncio
import json
from typing import cast

import uvloop

_TEXT = "The quick brown fox jumps over the lazy dog, and the dog does not mind. " * 4
_BODY = json.dumps(
    {
        "id": "chatcmpl-instant",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": "instant",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": _TEXT}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 21, "completion_tokens": 60, "total_tokens": 81},
    }
).encode()
_REPLY = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nx-request-id: req_instant\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(_BODY), _BODY)
)
_END_OF_HEAD = b"\r\n\r\n"
_LENGTH = b"content-length:"


class InstantAnswer(asyncio.Protocol):
    """One connection: counts requests by their Content-Length, and answers each."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Remember where to answer."""
        # uvloop's transports don't inherit from asyncio's.
        self._transport = cast("asyncio.Transport", transport)
        self._held = b""

    def data_received(self, data: bytes) -> None:
        """Answer every request that is whole now."""
        self._held += data
        while (end := self._end_of_request()) is not None:
            self._held = self._held[end:]
            self._transport.write(_REPLY)

    def _end_of_request(self) -> int | None:
        head, found, _ = self._held.partition(_END_OF_HEAD)
        if not found:
            return None
        length = int(head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0])
        end = len(head) + len(_END_OF_HEAD) + length
        return end if end <= len(self._held) else None


async def _serve() -> None:
    server = await asyncio.get_running_loop().create_server(InstantAnswer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve())
