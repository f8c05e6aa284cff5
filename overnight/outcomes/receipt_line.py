"""One line of a receipt: what became of a request, whose answer it has, and what that used and cost.

It is made when a shard is sealed, of the very bytes that are delivered, and charged in a step of its own.
"""

import hashlib
import re
from collections.abc import Iterable
from enum import StrEnum

import msgspec

from overnight.domain.usage import Usage
from overnight.outcomes.answer import Spent, spent_in
from overnight.outcomes.record import NOBODY, Source


class LineOutcome(StrEnum):
    """In which of the two files a request's result is."""

    ANSWERED = "answered"
    FAILED = "failed"


class ReceiptLine(msgspec.Struct, frozen=True, gc=False):
    """One request of a batch, by its 0-based place.

    The hashes are SHA-256, in hexadecimal digits, of the line in the input and of the line in the output or
    the error file, each without its newline. `status` is that of the response, `code` that of the error where
    there is no response. `tokens` has what the answer reported, as in Usage, and leaves zeros out. `cost_usd`
    is exact; without a price it is None and `reason` says why. `service_tier` is what the answer named, if
    that is none that costs what is usual; it is unset where an earlier version has not looked for it.
    """

    index: int
    custom_id: str
    outcome: LineOutcome
    status: int | None
    code: str | None
    request_sha256: str
    response_sha256: str
    deployment: str | None = None
    provider: str | None = None
    job: str | None = None
    model: str | None = None
    tokens: dict[str, int] = {}
    price: str | None = None
    cost_usd: str | None = None
    reason: str | None = None
    service_tier: str | msgspec.UnsetType | None = msgspec.UNSET

    @property
    def tier(self) -> str | None:
        """The service tier, as far as it is known."""
        return None if self.service_tier is msgspec.UNSET else self.service_tier

    @property
    def usage(self) -> Usage:
        """The tokens."""
        return Usage(**self.tokens)

    @property
    def answered(self) -> bool:
        """Whether it has an answer, which is what is charged for."""
        return self.outcome is LineOutcome.ANSWERED


class Result(msgspec.Struct, frozen=True, gc=False):
    """What is read in a result line."""

    custom_id: str
    status: int | None
    code: str | None
    body: bytes


_BEGINNING = re.compile(
    rb'{"id":"[^"]*","custom_id":(?P<custom_id>"(?:[^"\\]|\\.)*"),"response":{"status_code":(?P<status>\d+),'
)


class _Response(msgspec.Struct, gc=False):
    status_code: int
    body: msgspec.Raw


class _Error(msgspec.Struct, gc=False):
    code: str | None = None


class _ResultLine(msgspec.Struct, gc=False):
    custom_id: str
    response: _Response | None = None
    error: _Error | None = None


_decode_result = msgspec.json.Decoder(_ResultLine).decode
_decode_line = msgspec.json.Decoder(ReceiptLine).decode
_encode = msgspec.json.Encoder().encode


def read_result(line: bytes) -> Result:
    """Read a line of an output or an error file. Raises msgspec.DecodeError for what is none.

    An answer that is nested as deeply as a reader can go has no body here, and so no usage.
    """
    try:
        read = _decode_result(line)
    except RecursionError:
        return _read_shallowly(line)
    response, error = read.response, read.error
    return Result(
        custom_id=read.custom_id,
        status=response.status_code if response else None,
        code=error.code if error else None,
        body=bytes(response.body) if response else b"",
    )


def _read_shallowly(line: bytes) -> Result:
    """Read what stands before a body that can't be walked through once more: we have written the line."""
    found = _BEGINNING.match(line)
    if found is None:
        raise msgspec.DecodeError("no result line")
    return Result(msgspec.json.decode(found["custom_id"], type=str), int(found["status"]), None, b"{}")


def digest(line: bytes | bytearray) -> str:
    """Return the hash of a line that goes into a receipt."""
    return hashlib.sha256(line).hexdigest()


def receipt_line(
    index: int,
    line: bytes,
    *,
    ok: bool,
    request_sha256: str,
    model: str | None = None,
    source: Source = NOBODY,
) -> ReceiptLine:
    """Return the receipt of a result line, not charged yet."""
    result = read_result(line)
    spent = spent_in(result.body) if ok else Spent()
    return ReceiptLine(
        index=index,
        custom_id=result.custom_id,
        outcome=LineOutcome.ANSWERED if ok else LineOutcome.FAILED,
        status=result.status,
        code=result.code,
        request_sha256=request_sha256,
        response_sha256=digest(line),
        deployment=source.deployment,
        job=source.job,
        model=model if ok else None,
        tokens=tokens_of(spent.usage),
        service_tier=spent.service_tier,
    )


def tokens_of(usage: Usage) -> dict[str, int]:
    """Return what a receipt says of a usage."""
    return usage.reported()


def encode_lines(lines: Iterable[ReceiptLine]) -> bytes:
    """Return lines as JSONL, each with its newline."""
    return b"".join(_encode(line) + b"\n" for line in lines)


def decode_line(line: bytes | bytearray) -> ReceiptLine:
    """Return a line of a receipt. Raises msgspec.DecodeError for what is none."""
    return _decode_line(line)
