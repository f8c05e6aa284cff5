"""The lines of a chunk as requests to send: the id to answer under, and the body as it was written."""

from collections.abc import Iterator

import msgspec

from overnight.jsonl.lines import Line

UNDECODABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for bytes that are not what it was told to expect, or are nested too deeply."""

_encode = msgspec.json.Encoder().encode
_decode_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Request(msgspec.Struct, frozen=True, gc=False):
    """One request of a batch. `index` is its batch-wide 0-based place, `body` its JSON as in the input."""

    index: int
    custom_id: str
    body: bytes


class _RequestLine(msgspec.Struct, frozen=True, gc=False):
    custom_id: str
    body: msgspec.Raw


_decode_line = msgspec.json.Decoder(_RequestLine).decode


def read_requests(chunk: bytes, *, first_index: int) -> Iterator[Request]:
    """Yield the requests in `chunk`, whose first has the index `first_index`. Blank lines are none.

    The chunk has passed inspection. Raises msgspec.DecodeError for one that has not.
    """
    index = first_index
    for line in chunk.split(b"\n"):
        if is_blank(line):
            continue
        request = _decode_line(line)
        yield Request(index, request.custom_id, bytes(request.body))
        index += 1


def is_blank(line: Line) -> bool:
    """Say whether a line is no request at all."""
    return not line or line.isspace()


def is_readable(line: Line) -> bool:
    """Say whether `read_requests` can read `line`."""
    try:
        _decode_line(line)
    except UNDECODABLE:
        return False
    return True


def with_model(body: bytes, model: str) -> bytes:
    """Return `body`, a JSON object, with `model` as its model and every other value as it was written."""
    fields = _decode_fields(body)
    fields["model"] = msgspec.Raw(_encode(model))
    return _encode(fields)


def line_with_model(line: bytes, model: str) -> bytes:
    """Return a line of an input with `model` in its body; a line that can have none is returned as it is."""
    try:
        fields = _decode_fields(line)
        fields["body"] = msgspec.Raw(with_model(bytes(fields["body"]), model))
    except (*UNDECODABLE, KeyError):
        # What is wrong with it is for the gateway to say, by its number.
        return line
    return _encode(fields) + b"\n"
