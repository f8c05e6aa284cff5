"""A gateway in miniature, over real HTTP: it keeps what it is given and says what a test told it to say."""

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app


class StubUploads:
    """Files that come in parts: at most one that is pending, and what has become of it."""

    def __init__(self) -> None:
        self.begun: list[dict[str, Any]] = []
        self.parts: dict[str, bytes] = {}
        self.received: list[bytes] = []
        self.file: dict[str, Any] | None = None
        self.over = False
        self.breaks_after: int | None = None
        self.on_part: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    @property
    def id(self) -> str:
        return f"upload_{len(self.begun)}"

    def begin(self, wanted: dict[str, Any]) -> dict[str, Any]:
        self.begun.append(wanted)
        self.parts, self.file, self.over = {}, None, False
        return {"id": self.id, "file": None}

    def add(self, content: bytes) -> dict[str, Any] | None:
        """Return the part, or None where the connection is to break off."""
        with self._lock:
            if self.breaks_after is not None and len(self.received) >= self.breaks_after:
                return None
            part_id = f"part_{len(self.received)}"
            self.received.append(content)
            self.parts[part_id] = content
        self.on_part()
        return {"id": part_id, "upload_id": self.id}

    def complete(self, wanted: dict[str, Any], files: dict[str, bytes]) -> dict[str, Any] | None:
        """Return the upload, or None where the md5 is another."""
        content = b"".join(self.parts[part_id] for part_id in wanted["part_ids"])
        assert len(content) == self.begun[-1]["bytes"]
        if hashlib.md5(content).hexdigest() != wanted["md5"]:  # noqa: S324 - what the API asks for
            return None
        files["file-in"] = content
        self.file = {"id": "file-in", "filename": self.begun[-1]["filename"], "bytes": len(content)}
        return {"id": self.id, "file": self.file}


class StubGateway:
    """Its `batch` is served; each GET of it first takes the next of `changes`."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.receipt = b""
        self.spend: dict[str, Any] = {}
        self.questions: list[str] = []
        self.uploads = StubUploads()
        self.batch: dict[str, Any] = {
            "id": "batch_1",
            "object": "batch",
            "status": "validating",
            "endpoint": "/v1/chat/completions",
            "input_file_id": "file-in",
            "created_at": 1_700_000_000,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            "overnight": {"waiting_on": None, "errors_total": 0, "cost_usd": None},
        }
        self.changes: list[dict[str, Any]] = []
        self.orders: list[tuple[dict[str, Any], str]] = []
        self.bearers: set[str] = set()
        self.looks = 0
        self.cancelled = False
        self.hang_ups = 0
        self.refusal: tuple[int, bytes] | None = None
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.gateway = self
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def look(self) -> dict[str, Any]:
        self.looks += 1
        if self.changes:
            self.batch |= self.changes.pop(0)
        return self.batch

    def cancel(self) -> dict[str, Any]:
        self.cancelled = True
        self.batch["status"] = "cancelling"
        self.changes = [{"status": "cancelled", "cancelled_at": 1_700_000_009}]
        return self.batch

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    gateway: StubGateway


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        if self._turned_away():
            return
        match self.path.partition("?")[0].split("/")[2:]:
            case ["files", file_id, "content"] if file_id in self.server.gateway.files:
                self._say(200, self.server.gateway.files[file_id])
            case ["batches", "batch_1", "receipt"]:
                self._say(200, self.server.gateway.receipt)
            case ["spend"]:
                self.server.gateway.questions.append(self.path.partition("?")[2])
                self._say_json(self.server.gateway.spend)
            case ["files", _, "content"]:
                self._refuse(404, "No such File object")
            case ["batches"]:
                self._say_json({"data": [self.server.gateway.batch], "has_more": "limit=1" in self.path})
            case ["batches", "batch_1"]:
                self._say_json(self.server.gateway.look())
            case ["batches", batch_id]:
                message = f"No batch found with id '{batch_id}'."
                error = {"message": message, "type": "x", "param": None, "code": None}
                self._say(404, json.dumps({"error": error}).encode())

    def do_POST(self) -> None:
        size = int(self.headers["content-length"] or 0)
        body = self.rfile.read(size)
        if len(body) < size or self._turned_away():
            return
        match self.path.split("/")[2:]:
            case ["files"]:
                self._say_json(self._take_in(body))
            case ["uploads"]:
                self._say_json(self.server.gateway.uploads.begin(json.loads(body)))
            case ["uploads", upload_id, step]:
                self._go_on_with(upload_id, step, body)
            case ["batches"]:
                self.server.gateway.orders.append((json.loads(body), self.headers["idempotency-key"]))
                self._say_json(self.server.gateway.batch)
            case ["batches", "batch_1", "cancel"]:
                self._say_json(self.server.gateway.cancel())

    def _go_on_with(self, upload_id: str, step: str, body: bytes) -> None:
        uploads = self.server.gateway.uploads
        if uploads.over or upload_id != uploads.id:
            self._refuse(409, "Cannot add a part to an upload with status 'expired'.")
        elif step == "complete":
            done = uploads.complete(json.loads(body), self.server.gateway.files)
            if done:
                self._say_json(done)
            else:
                self._refuse(400, "The md5 is another.", param="md5")
        else:
            part = uploads.add(self._file_in(body)[1])
            if part:
                self._say_json(part)
            else:
                self.close_connection = True

    def _take_in(self, body: bytes) -> dict[str, Any]:
        filename, content = self._file_in(body)
        self.server.gateway.files["file-in"] = content
        return {"id": "file-in", "filename": filename, "bytes": len(content)}

    def _file_in(self, body: bytes) -> tuple[str, bytes]:
        head = f"Content-Type: {self.headers['content-type']}\r\n\r\n".encode()
        for part in BytesParser(policy=HTTP).parsebytes(head + body).iter_parts():
            if filename := part.get_filename():
                content = part.get_payload(decode=True)
                assert isinstance(content, bytes)
                return filename, content
        raise AssertionError

    def _refuse(self, status: int, message: str, *, param: str | None = None) -> None:
        error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
        self._say(status, json.dumps({"error": error}).encode())

    def _turned_away(self) -> bool:
        self.server.gateway.bearers.add(self.headers["authorization"])
        if self.server.gateway.hang_ups:
            self.server.gateway.hang_ups -= 1
            self.close_connection = True
            return True
        if self.server.gateway.refusal:
            self._say(*self.server.gateway.refusal)
            return True
        return False

    def _say_json(self, what: dict[str, Any]) -> None:
        self._say(200, json.dumps(what).encode())

    def _say(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture(autouse=True)
def cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A cache folder of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "overnight" / "uploads"


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[StubGateway]:
    stub = StubGateway()
    monkeypatch.setenv("OVERNIGHT_URL", stub.url)
    monkeypatch.setenv("OVERNIGHT_API_KEY", "sk-test")
    yield stub
    stub.close()


class Overnight:
    """The command, run in this process."""

    def __call__(self, *arguments: object, code: int = 0) -> tuple[str, str]:
        result = CliRunner().invoke(app, [str(each) for each in arguments])
        assert result.exit_code == code, (result.output, result.exception)
        return result.stdout, result.stderr


@pytest.fixture
def overnight() -> Overnight:
    return Overnight()
