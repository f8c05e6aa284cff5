"""The seam to a provider's own rows: one request in, one row out; one row of results in, one answer out."""

import hashlib
from typing import Protocol

import msgspec

_DIGEST_HEX = 40
"""160 bits: among a billion lines, no two will ever be taken for one another."""


def line_key(custom_id: str) -> str:
    """Return what correlates a line's row with its result, whatever the custom_id holds.

    It is fit for a label of Google Cloud's, where only small letters, digits, `_` and `-` survive, and 63 of
    them; and it begins with a letter, since Vertex AI's import takes a text of digits for a number.
    """
    return _digest(custom_id)


def content_key(*parts: str | None) -> str:
    """Return what correlates a row with its result where nothing survives but the content itself."""
    # A text can hold any character, so its length must tell where it ends.
    return _digest("".join(f"{-1 if part is None else len(part)}:{part or ''}" for part in parts))


class Reply(msgspec.Struct, frozen=True, gc=False):
    """One row's result in OpenAI's shape.

    `body` is JSON on one line: an answer, or OpenAI's error envelope with the HTTP `status` that fits it.
    """

    key: str
    status: int
    body: bytes
    request_id: str | None = None


class Shape(Protocol):
    """How a model's batch API writes a request and its result. Pure, and made for one model."""

    def key(self, body: bytes, *, custom_id: str) -> str:
        """Return the key that a line's reply will bear.

        Lines may share one: then they ask the same, and one reply is the answer to all of them.
        Raises Untranslatable where the key is made of the content, and that can't be read.
        """
        del body
        return line_key(custom_id)

    def row(self, body: bytes, *, key: str) -> bytes:
        """Return an OpenAI request's body as a row: JSON without a newline. Raises Untranslatable."""
        ...

    def reply(self, row: bytes) -> Reply | None:
        """Return what one row of a result file says, or None if it is no row of ours. Raises nothing."""
        ...


def _digest(text: str) -> str:
    # A JSON text can hold half a surrogate pair, which is no UTF-8.
    return f"k{hashlib.sha256(text.encode('utf-8', 'surrogatepass')).hexdigest()[:_DIGEST_HEX]}"
