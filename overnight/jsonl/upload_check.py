"""The shallow look at an upload: is it JSONL at all? What its lines say is judged when a batch starts."""

import msgspec

from overnight.domain.errors import InvalidRequest
from overnight.jsonl.judge import BYTE_ORDER_MARK
from overnight.jsonl.requests import UNDECODABLE

_LOOK_BYTES = 2**20
"""A first line that is longer than this is left for the validation."""

_decode_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class UploadCheck:
    """Looks at the first line of an upload that is not blank, however the upload is cut into blocks.

    Both methods raise InvalidRequest, in OpenAI's words, for a file that is empty or wholly something
    else; `feed` as soon as that is certain, while the rest of the upload is still on its way.
    """

    def __init__(self) -> None:
        self._seen = bytearray()
        self._passed = False

    def feed(self, block: bytes) -> None:
        """Take in the next block of the upload."""
        if self._passed:
            return
        self._seen = (self._seen + block).lstrip()
        if not self._seen or BYTE_ORDER_MARK.startswith(self._seen):
            return
        self._refuse_foreign_start()
        line, newline, _rest = self._seen.partition(b"\n")
        if newline:
            _require_object(line)
        if newline or len(self._seen) > _LOOK_BYTES:
            self._passed = True
            self._seen.clear()

    def finish(self) -> None:
        """Take in the end of the upload."""
        if self._passed:
            return
        if not self._seen:
            raise _not_jsonl("the file is empty")
        self._refuse_foreign_start()
        _require_object(self._seen)

    def _refuse_foreign_start(self) -> None:
        if self._seen.startswith(BYTE_ORDER_MARK):
            raise _not_jsonl("the file begins with a UTF-8 byte order mark; save it as UTF-8 without BOM")
        if not self._seen.startswith(b"{"):
            raise _not_jsonl("the first line is not a JSON object")


def _require_object(line: bytearray) -> None:
    try:
        _decode_object(line)
    except UNDECODABLE:
        raise _not_jsonl("the first line is not a JSON object") from None


def _not_jsonl(reason: str) -> InvalidRequest:
    return InvalidRequest(f"Invalid file format for Batch API. Must be .jsonl ({reason})")
