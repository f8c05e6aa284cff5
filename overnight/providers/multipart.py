"""A file upload as multipart/form-data, framed around a stream and never in memory.

httpx2 would read a file by itself, but on the event loop, and an iterator of unknown length in chunks,
which not every provider takes. So the frame is made here, and its length is known beforehand.
"""

import secrets
from collections.abc import AsyncGenerator, Mapping

from overnight.providers.protocol import Content

_FIELD = 'Content-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
_FILE = (
    'Content-Disposition: form-data; name="file"; filename="{filename}"\r\n'
    "Content-Type: application/octet-stream\r\n\r\n"
)


class Form:
    """One upload: the plain fields first, then the file of `size` bytes."""

    def __init__(self, fields: Mapping[str, str], *, filename: str, content: Content, size: int) -> None:
        boundary = secrets.token_hex(16)
        opening = f"--{boundary}\r\n"
        plain = [opening + _FIELD.format(name=name, value=value) for name, value in fields.items()]
        self._head = ("".join(plain) + opening + _FILE.format(filename=filename)).encode()
        self._tail = f"\r\n--{boundary}--\r\n".encode()
        self._content = content
        self.headers = {
            "Content-Type": f"multipart/form-data; boundary={boundary}",
            "Content-Length": str(len(self._head) + size + len(self._tail)),
        }

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as the content comes. Raises what the content raises."""
        yield self._head
        async for block in self._content():
            yield block
        yield self._tail
