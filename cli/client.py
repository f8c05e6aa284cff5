"""The gateway, as the command talks to it: OpenAI's Files, Uploads and Batches API over HTTP.

GatewayError
├── GatewayUnreachable   nobody answers there
├── GatewayBusy          it answers, but can't do it now
└── GatewayRefused       it said no
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx2
import msgspec

from cli.views import BatchPage, BatchView, EstimateView, FileView, PartView, RefusalEnvelope, UploadView
from overnight.config.addresses import is_this_machine

PATIENCE = timedelta(seconds=60)
"""How long the gateway may take over one answer."""

LONG_PATIENCE = timedelta(minutes=10)
"""How long it may take to put the parts of a large file together."""

ATTEMPTS = 5
FIRST_PAUSE = timedelta(seconds=1)
"""Pauses double, so a gateway may be away for a quarter of a minute, as when it restarts."""

_BUSY = frozenset({502, 503, 504})

T = TypeVar("T")


class GatewayError(Exception):
    """The gateway did not do it."""


class GatewayUnreachable(GatewayError):
    """Nobody answers there."""


class GatewayBusy(GatewayError):
    """The gateway answers, but can't do it now."""


class GatewayRefused(GatewayError):
    """The gateway said no."""

    def __init__(self, message: str, *, status: int = 0, param: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.param = param


class GatewayClient:
    """One connection to a gateway. Every method may raise a GatewayError."""

    def __init__(self, url: str, *, api_key: str, transport: httpx2.BaseTransport | None = None) -> None:
        self.url = url.rstrip("/").removesuffix("/v1")
        self._http = httpx2.Client(
            base_url=f"{self.url}/v1",
            headers={"Authorization": f"Bearer {api_key}"},
            timeout=PATIENCE.total_seconds(),
            transport=transport,
            # A proxy of the environment leads elsewhere, and never back to this machine.
            trust_env=not is_this_machine(urlsplit(self.url).hostname or ""),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def upload(self, content: BinaryIO, *, filename: str) -> FileView:
        """Upload `content`, an open file, in constant memory. Nothing is tried twice."""
        files = {"file": (filename, content)}
        request = self._http.build_request("POST", "/files", data={"purpose": "batch"}, files=files)
        return self._send(FileView, request)

    def start_upload(self, *, filename: str, size: int) -> UploadView:
        """Begin to send a file in parts."""
        wanted = {"filename": filename, "bytes": size, "purpose": "batch", "mime_type": "application/jsonl"}
        request = self._http.build_request("POST", "/uploads", json=wanted)
        # Of two that a lost answer has begun, the one that nobody knows expires.
        return insist(lambda: self._send(UploadView, request))

    def send_part(self, upload_id: str, content: BinaryIO) -> PartView:
        """Send one part of a file, in constant memory. Nothing is tried twice."""
        path = f"/uploads/{quote(upload_id, safe='')}/parts"
        request = self._http.build_request("POST", path, files={"data": ("part", content)})
        return self._send(PartView, request)

    def complete_upload(self, upload_id: str, *, part_ids: Sequence[str], md5: str) -> UploadView:
        """Make a file of these parts. Tried again like a create: the same parts make one file."""
        path = f"/uploads/{quote(upload_id, safe='')}/complete"
        body = {"part_ids": part_ids, "md5": md5}
        patience = LONG_PATIENCE.total_seconds()
        request = self._http.build_request("POST", path, json=body, timeout=patience)
        return insist(lambda: self._send(UploadView, request))

    def estimate(self, input_file_id: str, *, endpoint: str) -> EstimateView:
        """Return what a batch of a file would use and cost. Nothing is made."""
        order = {"input_file_id": input_file_id, "endpoint": endpoint, "completion_window": "24h"}
        patience = LONG_PATIENCE.total_seconds()
        request = self._http.build_request("POST", "/batches/estimate", json=order, timeout=patience)
        return self._send(EstimateView, request)

    def create(
        self,
        input_file_id: str,
        *,
        endpoint: str,
        idempotency_key: str,
        metadata: Mapping[str, str],
        max_cost: str | None = None,
        webhook: str | None = None,
    ) -> BatchView:
        """Create a batch. Tried again while the gateway is busy or away: the key makes it one batch."""
        order = {"input_file_id": input_file_id, "endpoint": endpoint, "completion_window": "24h"}
        extra = {"metadata": dict(metadata) if metadata else None, "max_cost": max_cost, "webhook": webhook}
        body = {**order, **{name: value for name, value in extra.items() if value}}
        headers = {"Idempotency-Key": idempotency_key}
        request = self._http.build_request("POST", "/batches", json=body, headers=headers)
        return insist(lambda: self._send(BatchView, request))

    def batch(self, batch_id: str) -> BatchView:
        """Return how a batch is."""
        return self._send(BatchView, self._http.build_request("GET", _path(batch_id)))

    def batch_json(self, batch_id: str) -> bytes:
        """Return how a batch is, word for word."""
        return bytes(self._send(msgspec.Raw, self._http.build_request("GET", _path(batch_id))))

    def batches(self, *, limit: int, after: str | None = None) -> BatchPage:
        """Return up to `limit` batches (at most 100), newest first."""
        params = {"limit": str(limit), **({"after": after} if after else {})}
        return self._send(BatchPage, self._http.build_request("GET", "/batches", params=params))

    @contextmanager
    def receipt(self, batch_id: str) -> Iterator[Iterator[bytes]]:
        """Stream what every request of a batch came to, as JSONL."""
        path = f"{_path(batch_id)}/receipt"
        with (
            self._translated(),
            self._http.stream("GET", path, params={"format": "ndjson"}) as response,
        ):
            if response.is_error:
                response.read()
            _check(response)
            yield response.iter_bytes()

    def spend_json(self, params: Mapping[str, str]) -> bytes:
        """Return what was spent, word for word."""
        request = self._http.build_request("GET", "/spend", params=dict(params))
        return bytes(self._send(msgspec.Raw, request))

    def cancel(self, batch_id: str) -> BatchView:
        """Ask for a batch to be cancelled."""
        return self._send(BatchView, self._http.build_request("POST", f"{_path(batch_id)}/cancel"))

    @contextmanager
    def content(self, file_id: str) -> Iterator[Iterator[bytes]]:
        """Stream what is in a file, from the gateway or from the bucket that it sends us to."""
        with (
            self._translated(),
            self._http.stream("GET", f"/files/{quote(file_id, safe='')}/content") as response,
        ):
            elsewhere = response.next_request
            if elsewhere is None:
                if response.is_error:
                    response.read()
                _check(response)
                yield response.iter_bytes()
        if elsewhere is not None:
            with _fetched(elsewhere.url) as chunks:
                yield chunks

    def download(self, file_id: str, target: Path) -> None:
        """Write what is in a file to `target`, which appears whole or not at all."""
        partial = target.with_name(f".{target.name}.partial")
        try:
            with self.content(file_id) as chunks, partial.open("wb") as out:
                for chunk in chunks:
                    out.write(chunk)
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _send(self, kind: type[T], request: httpx2.Request) -> T:
        with self._translated():
            response = self._http.send(request)
            _check(response)
            return msgspec.json.decode(response.content, type=kind)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx2.TransportError as error:
            raise GatewayUnreachable(
                f"nobody answers at {self.url} ({error}). Start the gateway with `overnight serve`, or say "
                "where it is with --url or OVERNIGHT_URL."
            ) from error
        except msgspec.MsgspecError as error:
            raise GatewayRefused(f"what answers at {self.url} is not an Overnight gateway") from error


@contextmanager
def _fetched(url: httpx2.URL) -> Iterator[Iterator[bytes]]:
    """Stream what is where the gateway has sent us. Nothing of ours is shown there, and the URL to nobody."""
    # It may be on the internet where the gateway is on this machine, so it has a proxy of its own or none.
    patience, by_proxy = PATIENCE.total_seconds(), not is_this_machine(url.host)
    try:
        with (
            httpx2.Client(timeout=patience, trust_env=by_proxy, follow_redirects=True) as http,
            http.stream("GET", url) as response,
        ):
            if response.is_error:
                said = f"{response.status_code} {response.reason_phrase}"
                raise GatewayRefused(f"the gateway sends downloads to {url.host}, which answered {said}")
            yield response.iter_bytes()
    except httpx2.TransportError as error:
        raise GatewayUnreachable(
            f"the gateway sends downloads to {url.host}, where nobody answers ({error})"
        ) from error


def _path(batch_id: str) -> str:
    return f"/batches/{quote(batch_id, safe='')}"


def insist(call: Callable[[], T]) -> T:
    """Return what `call` does, once the gateway is neither busy nor away. Raises as it does in the end."""
    pause = FIRST_PAUSE
    for _ in range(ATTEMPTS - 1):
        try:
            return call()
        except (GatewayUnreachable, GatewayBusy):
            time.sleep(pause.total_seconds())
            pause *= 2
    return call()


def _check(response: httpx2.Response) -> None:
    if response.is_success:
        return
    message, param = _reason(response)
    if response.status_code in _BUSY:
        raise GatewayBusy(message)
    raise GatewayRefused(message, status=response.status_code, param=param)


def _reason(response: httpx2.Response) -> tuple[str, str | None]:
    """Return what to tell the person, and the param it is about."""
    try:
        error = msgspec.json.decode(response.content, type=RefusalEnvelope).error
    except msgspec.MsgspecError:
        return f"{response.status_code} {response.reason_phrase}", None
    details = [f"param: {error.param}" if error.param else "", f"code: {error.code}" if error.code else ""]
    told = ", ".join([str(response.status_code), *filter(None, details)])
    return f"{error.message} ({told})", error.param
