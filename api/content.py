"""A file's bytes as an HTTP response: whole or one range of them, streamed as storage gives them."""

import re
from collections.abc import AsyncIterator
from urllib.parse import quote

from fastapi import Response
from fastapi.responses import StreamingResponse

from api.errors import error_response
from overnight.domain.file import File
from overnight.storage.protocol import Storage

_SINGLE_RANGE = re.compile(r"bytes=(?:(\d{1,20})-(\d{0,20})|-(\d{1,20}))")


async def content_response(
    file: File, storage: Storage, *, method: str, range_header: str | None
) -> Response:
    """Return the content of `file`, for GET or HEAD. Raises ObjectNotFound before anything is sent."""
    size = await storage.size(file.key)
    wanted = _requested_range(range_header, size)
    if wanted is not None and not wanted:
        return _not_satisfiable(size)
    span = range(size) if wanted is None else wanted
    headers = {
        "content-length": str(len(span)),
        "content-disposition": _disposition(file.filename),
        "accept-ranges": "bytes",
    }
    if wanted is not None:
        headers["content-range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    status = 200 if wanted is None else 206
    media_type = "application/jsonl" if file.filename.endswith(".jsonl") else "application/octet-stream"
    if method == "HEAD":
        return Response(status_code=status, headers=headers, media_type=media_type)
    return StreamingResponse(
        _stream(storage, file.key, span), status_code=status, headers=headers, media_type=media_type
    )


async def _stream(storage: Storage, key: str, span: range) -> AsyncIterator[bytes]:
    if span:
        async for block in storage.get(key, start=span.start, end=span.stop):
            yield block


def _requested_range(header: str | None, size: int) -> range | None:
    """Return the bytes asked for: None means all of them, an empty range none that exist.

    A header of another form (several ranges, other units) is ignored, as RFC 9110 lets a server do.
    """
    match = _SINGLE_RANGE.fullmatch(header.strip()) if header else None
    if match is None:
        return None
    first, last, suffix = match.groups()
    if suffix is not None:
        return range(max(0, size - int(suffix)), size)
    if last and int(last) < int(first):
        return None
    return range(min(int(first), size), min(int(last) + 1, size) if last else size)


def _not_satisfiable(size: int) -> Response:
    message = f"The requested range is not satisfiable: the file has {size} bytes."
    return error_response(
        416, message, headers={"content-range": f"bytes */{size}", "accept-ranges": "bytes"}
    )


def _disposition(filename: str) -> str:
    # RFC 6266: a plain name for old clients, and the real one as RFC 5987 spells it.
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
