"""What a response's status was, for those who stand around it."""

from starlette.types import Message, Send


class NotedSend:
    """Sends on what is sent; `status` is that of the response, None until it has begun."""

    def __init__(self, send: Send) -> None:
        self.status: int | None = None
        self._send = send

    async def __call__(self, message: Message) -> None:
        """Send a message on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)
