"""A row of a prediction file, read with tolerance: what is not as expected counts as not there."""

import msgspec

_NULL = msgspec.Raw(b"null")
_MARK = b"\xef\xbb\xbf"


class ResultRow(msgspec.Struct, gc=False):
    """What Vertex AI writes for a request: the request again, its response, and a status if it went wrong.

    `key` and `custom_id` are what rows of some models carry beside the request, and bring back. Which fields
    a row has depends on the model; text embeddings of old have an `instance` and `predictions`.
    """

    request: msgspec.Raw = _NULL
    response: msgspec.Raw = _NULL
    status: object = None
    error: object = None
    processed_time: object = None
    key: object = None
    custom_id: object = None
    instance: msgspec.Raw = _NULL
    predictions: msgspec.Raw = _NULL

    @property
    def processed_at(self) -> str | None:
        """When the request was answered, if the row says so."""
        return self.processed_time if isinstance(self.processed_time, str) else None


def is_given(value: msgspec.Raw) -> bool:
    """Say whether a field that is kept as it was written holds anything."""
    return bytes(value) != b"null"


_decode = msgspec.json.Decoder(ResultRow).decode


def read_row(row: bytes) -> ResultRow | None:
    """Return a row, or None if it is none. Bytes that are no text are replaced."""
    try:
        return _decode(_as_text(row).removeprefix(_MARK))
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _as_text(row: bytes) -> bytes:
    # The decoder does not look into what it keeps raw.
    if row.isascii():
        return row
    try:
        row.decode()
    except UnicodeDecodeError:
        return row.decode("utf-8", "replace").encode()
    return row
