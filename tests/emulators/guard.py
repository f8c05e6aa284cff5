"""A door before an emulator that takes any signed URL: it lets in what the vendor itself would.

A request with a token or a signature in its headers is the emulator's own affair.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

from tests.emulators.signatures import Vendor

_HOP_BY_HOP = frozenset({"connection", "content-length", "date", "server", "transfer-encoding"})


@dataclass(slots=True)
class Guard:
    """Where it is, and the headers of what came by a signed URL."""

    vendor: Vendor
    target: str
    port: int = 0
    came: list[Message] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    guard: Guard
    inside: httpx2.Client

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        refusal = self._refusal()
        if refusal:
            self._say(*refusal)
            return
        url, headers = self.guard.target + self.path, [*self.headers.items()]
        with self.inside.stream(self.command, url, headers=headers, content=body) as answer:
            content = b"".join(answer.iter_raw())
        self.send_response(answer.status_code)
        for name, value in answer.headers.multi_items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self._end(content, announced=answer.headers.get("content-length"))

    def _refusal(self) -> tuple[int, str] | None:
        signed = self.guard.vendor.signed(self.path)
        if signed:
            self.guard.came.append(self.headers)
        if "authorization" in self.headers:
            return (400, "Only one auth mechanism allowed") if signed else None
        if not signed:
            return 403, "nobody knows you"
        headers = {name.lower(): value for name, value in self.headers.items()}
        why = self.guard.vendor.refusal(self.command, self.path, headers, now=datetime.now(UTC))
        return (403, why) if why else None

    def _say(self, status: int, why: str) -> None:
        self.send_response(status)
        self._end(why.encode())

    def _end(self, body: bytes, *, announced: str | None = None) -> None:
        head = self.command == "HEAD"
        self.send_header("content-length", (announced if head else None) or str(len(body)))
        self.end_headers()
        if not head:
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def guarding(port: int, vendor: Vendor) -> Iterator[Guard]:
    """Stand before the emulator at `port` until the block ends."""
    guard = Guard(vendor, f"http://127.0.0.1:{port}")
    with httpx2.Client(trust_env=False, timeout=60) as inside:
        server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"guard": guard, "inside": inside})
        )
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            guard.port = server.server_port
            yield guard
        finally:
            server.shutdown()
            server.server_close()
