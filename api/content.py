"""A file's bytes as an HTTP response: whole or one range of them, streamed as storage gives them.

Or where the client gets them from the bucket itself: it then sends its `Range` there.
"""

import re
from collections.abc import AsyncIterator

from fastapi import Response
from fastapi.responses import StreamingResponse

from api.downloads import Downloads
from api.errors import error_response
from overnight.domain.file import File
from overnight.domain.presenting import content_disposition, content_type
from overnight.storage.protocol import Storage

_SINGLE_RANGE = re.compile(r"bytes=(?:(\d{1,20})-(\d{0,20})|-(\d{1,20}))")


async def content_response(
    file: File, storage: Storage, downloads: Downloads, *, method: str, range_header: str | None
) -> Response:
    """Return the content of `file`, for GET or HEAD. Raises ObjectNotFound before anything is sent."""
    size = await storage.size(file.key)
    wanted = _requested_range(range_header, size)
    if wanted is not None and not wanted:
        return _not_satisfiable(size)
    # A signature is for one method, and a HEAD has no bytes that are worth a detour.
    if method == "GET" and (url := await downloads.url_of(file)):
        return Response(status_code=302, headers={"location": url, "cache-control": "no-store"})
    span = range(size) if wanted is None else wanted
    headers = {
        "content-length": str(len(span)),
        "content-disposition": content_disposition(file.filename),
        "accept-ranges": "bytes",
    }
    if wanted is not None:
        headers["content-range"] = f"bytes {span.start}-{span.stop - 1}/{size}"
    status = 200 if wanted is None else 206
    media_type = content_type(file.filename)
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
