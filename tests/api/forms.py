"""Multipart bodies written by hand, so that they can be wrong."""

BOUNDARY = "boundary"
CONTENT_TYPE = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
LINE = b'{"custom_id":"a","method":"POST","url":"/v1/embeddings","body":{"model":"smol","input":"hi"}}\n'


def field(name: str, value: str) -> bytes:
    """A text field."""
    return _part(f'name="{name}"', value.encode())


def file(content: bytes = LINE, *, name: str = "in.jsonl") -> bytes:
    """The file."""
    return _part(f'name="file"; filename="{name}"', content)


def part(content: bytes) -> bytes:
    """A part of an upload, without a name, as some clients send it."""
    return _part('name="data"', content)


def form(*parts: bytes) -> bytes:
    """A whole body."""
    return b"".join(parts) + end()


def end() -> bytes:
    """What a whole body ends with."""
    return f"--{BOUNDARY}--\r\n".encode()


def _part(names: str, content: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {names}\r\n\r\n"
    return head.encode() + content + b"\r\n"
