"""Taking an upload in: a multipart body of any size, streamed to disk."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import BodyPartReader, web

from simulators.native.refusals import Reason, Refusal
from simulators.native.rules import Rules
from simulators.native.shapes import Facts

_CHUNK = 256 * 1024
_LARGEST_BODY = 512 * 2**20
_LONGEST_FIELD = 4096


@dataclass(slots=True)
class Upload:
    """What has arrived: the form's fields, and the file's bytes at `path`."""

    path: Path
    filename: str | None = None
    size: int = 0
    fields: dict[str, str] = field(default_factory=dict)

    @property
    def purpose(self) -> str:
        """What the file is for."""
        return self.fields["purpose"]

    def life_asked(self) -> Mapping[str, Any] | None:
        """Return `expires_after` as the JSON endpoints have it."""
        prefix = "expires_after["
        asked = {
            name.removeprefix(prefix).rstrip("]"): value
            for name, value in self.fields.items()
            if name.startswith(prefix)
        }
        return asked or None


async def receive(request: web.Request, path: Path, *, rules: Rules, facts: Facts) -> Upload:
    """Write the file of a request to `path`, and check it as far as an upload is checked. Raises Refusal."""
    upload = Upload(path)
    if request.content_length is not None and request.content_length > _LARGEST_BODY:
        raise Refusal(Reason.BODY_TOO_LARGE)
    try:
        reader = await request.multipart()
    except (ValueError, AssertionError, KeyError) as error:
        raise Refusal(Reason.BAD_REQUEST) from error
    while part := await reader.next():
        if not isinstance(part, BodyPartReader):
            raise Refusal(Reason.BAD_REQUEST)
        if part.name == "file":
            upload.filename = part.filename or "upload"
            await _write(part, upload)
        elif part.name:
            upload.fields[part.name] = (await part.read_chunk(_LONGEST_FIELD)).decode(errors="replace")
    _check(upload, rules, facts)
    return upload


async def _write(part: BodyPartReader, upload: Upload) -> None:
    # Written where it is read, without a thread: a quarter of a mebibyte goes to the page cache faster than
    # it would be handed over.
    with upload.path.open("wb") as file:
        while chunk := await part.read_chunk(_CHUNK):
            upload.size += len(chunk)
            file.write(chunk)


def _check(upload: Upload, rules: Rules, facts: Facts) -> None:
    for param, value in (("file", upload.filename), ("purpose", upload.fields.get("purpose"))):
        if value is None:
            raise Refusal(Reason.MISSING_PARAMETER, param=param)
    if upload.purpose == "batch" and upload.size > rules.max_file_bytes:
        raise Refusal(Reason.FILE_TOO_LARGE)
    if facts.shallow_check and upload.purpose == "batch" and not _looks_like_jsonl(upload):
        raise Refusal(Reason.NOT_JSONL)


def _looks_like_jsonl(upload: Upload) -> bool:
    if not f"{upload.filename}".endswith(".jsonl"):
        return False
    with upload.path.open("rb") as file:
        first = next((line for line in file if line.strip()), b"")
    try:
        json.loads(first)
    except ValueError:
        return False
    return True
