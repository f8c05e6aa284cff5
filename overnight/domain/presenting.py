"""How a file's bytes are announced over HTTP, whoever sends them: the gateway, or the bucket they are in."""

from urllib.parse import quote

JSONL = "application/jsonl"
BYTES = "application/octet-stream"


def content_type(filename: str) -> str:
    """Return the media type of a file by its name."""
    return JSONL if filename.endswith(".jsonl") else BYTES


def content_disposition(filename: str) -> str:
    """Return what has a browser save the file under its name, in ASCII."""
    # RFC 6266: a plain name for old clients, and the real one as RFC 5987 spells it.
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in filename)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(filename, safe='')}"
