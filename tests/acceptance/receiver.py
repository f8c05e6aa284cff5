"""A receiver of webhooks on a real socket, as a user of the OpenAI SDK would write one."""

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

HANG = 0
"""In place of a status: nothing is answered until the receiver is closed."""


@dataclass(frozen=True, kw_only=True)
class Received:
    """One request, as it came."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def webhook_id(self) -> str:
        """What tells a repeat from another event."""
        return self.headers["webhook-id"]


class Receiver:
    """Answers with the statuses of `plan`, one after the other, and then with 200."""

    def __init__(self, *plan: int, location: str | None = None) -> None:
        self.requests: list[Received] = []
        self._plan = list(plan)
        self._location = location
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}/hooks?token=hush-hush"

    def heard(self, count: int) -> bool:
        """Whether so many requests have come."""
        return len(self.requests) >= count

    def __enter__(self) -> Self:
        """Listen."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver._plan.pop(0) if receiver._plan else 200
                receiver.requests.append(Received(path=self.path, headers=headers, body=body))
                if status == HANG:
                    receiver._closing.wait()
                    return
                self.send_response(status)
                if receiver._location:
                    self.send_header("location", receiver._location)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler
