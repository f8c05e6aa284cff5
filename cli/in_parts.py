"""A large file, sent in parts: a few at once, and only those that have not arrived yet."""

import hashlib
import io
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed
from threading import Event, Lock
from typing import Any, BinaryIO

from cli.client import GatewayClient, GatewayError, GatewayRefused, insist
from cli.upload_notes import Begun, Source, UploadNotes
from cli.views import FileView
from overnight.domain.errors import InvalidRequest
from overnight.jsonl import UploadCheck

PART_BYTES = 32 * 2**20
PARALLEL = 4

_BLOCK = 2**20
_LOOK_BYTES = 2 * 2**20
"""Enough for the check of the first line, which goes no further than half of it."""

_OVER = (404, 409)
"""How a gateway refuses an upload that has expired or ended, or of which it has never heard."""

_MD5 = "md5"
_CHANGED = "the file has changed while it was uploaded; nothing was created, so run the same command again"

Advance = Callable[[int], None]


class _Stopped(Exception):
    """Somebody wants the end."""


def send_in_parts(
    client: GatewayClient,
    content: BinaryIO,
    *,
    filename: str,
    mtime_ns: int,
    notes: UploadNotes,
    advance: Advance,
    tell: Callable[[str], None],
) -> FileView:
    """Upload `content`, an open file, and return what it has become; `advance` hears of bytes as they go.

    Goes on with what `notes` says was begun, and begins anew where the gateway no longer wants to hear of it.
    Raises GatewayError.
    """
    size = os.fstat(content.fileno()).st_size
    source = Source(size=size, mtime_ns=mtime_ns, part_bytes=PART_BYTES)
    _look(content)

    def complete(begun: Begun) -> FileView:
        return _Sending(client, content.fileno(), source, notes=notes, advance=advance).complete(begun)

    if begun := notes.read(source):
        tell(f"going on with an upload that broke off: {len(begun.parts)} of {source.parts} parts are there")
        try:
            return complete(begun)
        except GatewayRefused as refusal:
            # Or what has arrived is of a file that has changed without a trace.
            if refusal.status not in _OVER and refusal.param != _MD5:
                raise
            tell(f"beginning anew: {refusal}")
    try:
        return complete(notes.begin(source, client.start_upload(filename=filename, size=size).id))
    except GatewayRefused as refusal:
        if refusal.param != _MD5:
            raise
        notes.discard()
        raise GatewayError(_CHANGED) from refusal


def _look(content: BinaryIO) -> None:
    """Raise GatewayError for what is no JSONL; the gateway would say so after the last part."""
    check, seen = UploadCheck(), os.pread(content.fileno(), _LOOK_BYTES, 0)
    try:
        check.feed(seen)
    except InvalidRequest as refusal:
        raise GatewayError(refusal.message) from refusal


class _Sending:
    """One try at sending a file; whatever it raises, its threads have ended by then."""

    def __init__(
        self, client: GatewayClient, file: int, source: Source, *, notes: UploadNotes, advance: Advance
    ) -> None:
        self._client = client
        self._file = file
        self._source = source
        self._notes = notes
        self._sent = _Tally(advance)
        self._stop = Event()

    def complete(self, begun: Begun) -> FileView:
        try:
            return self._complete(begun)
        except BaseException:
            self._sent.take_back()
            raise

    def _complete(self, begun: Begun) -> FileView:
        source = self._source
        missing = [index for index in range(source.parts) if index not in begun.parts]
        self._sent.add(source.size - sum(map(source.size_of, missing)))
        with ThreadPoolExecutor(PARALLEL + 1) as pool:
            md5 = pool.submit(self._md5)
            self._wait_for([md5, *(pool.submit(self._send, begun, index) for index in missing)], pool)
        part_ids = [begun.parts[index] for index in range(source.parts)]
        done = self._client.complete_upload(begun.upload_id, part_ids=part_ids, md5=md5.result())
        if done.file is None:
            raise GatewayError(f"{self._client.url} has completed the upload and names no file")
        self._notes.discard()
        return done.file

    def _wait_for(self, futures: list[Future[str]], pool: ThreadPoolExecutor) -> None:
        try:
            for future in as_completed(futures):
                future.result()
        except BaseException:
            self._stop.set()
            pool.shutdown(cancel_futures=True)
            raise

    def _send(self, begun: Begun, index: int) -> str:
        part = _Part(self._source, index, read=self._read, advance=self._sent.add)
        content = io.BufferedReader(part, _BLOCK)
        part_id = insist(lambda: self._client.send_part(begun.upload_id, content)).id
        self._notes.acknowledge(begun, index, part_id)
        return part_id

    def _md5(self) -> str:
        # Read beside the parts and apart from them, it tells if the file changes meanwhile.
        digest, at = hashlib.md5(usedforsecurity=False), 0
        while block := self._read(_BLOCK, at):
            digest.update(block)
            at += len(block)
        return digest.hexdigest()

    def _read(self, size: int, at: int) -> bytes:
        if self._stop.is_set():
            raise _Stopped
        return os.pread(self._file, size, at)


class _Tally:
    """What one try has told of its progress, to be taken back when the next one begins."""

    def __init__(self, advance: Advance) -> None:
        self._advance = advance
        self._total = 0
        self._lock = Lock()

    def add(self, size: int) -> None:
        with self._lock:
            self._total += size
        self._advance(size)

    def take_back(self) -> None:
        self.add(-self._total)


class _Part(io.RawIOBase):
    """A part of a file as a file of its own; `advance` hears of each byte the first time it is read."""

    def __init__(
        self, source: Source, index: int, *, read: Callable[[int, int], bytes], advance: Advance
    ) -> None:
        self._start = index * source.part_bytes
        self._size = source.size_of(index)
        self._read_at = read
        self._advance = advance
        self._at = self._told = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence]
        return self._at

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - a buffer has no type before Python 3.12
        view = memoryview(buffer).cast("B")
        wanted = min(len(view), self._size - self._at)
        block = self._read_at(wanted, self._start + self._at)
        if wanted and not block:
            raise GatewayError(_CHANGED)
        view[: len(block)] = block
        self._at += len(block)
        if self._at > self._told:
            self._advance(self._at - self._told)
            self._told = self._at
        return len(block)
