"""A server that says what it is told to: for what an emulator can't be brought to say."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PATIENCE_SECONDS = 60
"""How long it may be held."""


def _set_already() -> threading.Event:
    event = threading.Event()
    event.set()
    return event


@dataclass(slots=True)
class Canned:
    """Where it is, and the headers of what it was asked.

    It says each of `at_first` once, a status with headers, before it says what it always does. It says
    nothing while `held` is not set, until it has lost patience.
    """

    port: int = 0
    asked: list[Message] = field(default_factory=list)
    at_first: list[tuple[int, Mapping[str, str]]] = field(default_factory=list)
    held: threading.Event = field(default_factory=_set_already)
    lost_patience: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    canned: Canned
    status: int
    fields: Mapping[str, str]
    body: bytes

    def _answer(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.canned.asked.append(self.headers)
        self.canned.lost_patience |= not self.canned.held.wait(PATIENCE_SECONDS)
        status, fields, body = self.status, self.fields, self.body
        if self.canned.at_first:
            (status, fields), body = self.canned.at_first.pop(0), b""
        self.send_response(status)
        for name, value in fields.items():
            self.send_header(name, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _answer  # noqa: N815 - http.server's names

    def log_message(self, *_: object) -> None:
        return


@contextmanager
def saying(status: int, body: str, **fields: str) -> Iterator[Canned]:
    """Answer every request like this until the block ends."""
    canned = Canned()
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    told = {"canned": canned, "status": status, "fields": named, "body": body.encode()}
    said = type("Handler", (_Handler,), told)
    server = ThreadingHTTPServer(("127.0.0.1", 0), said)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        canned.port = server.server_port
        yield canned
    finally:
        server.shutdown()
        server.server_close()
