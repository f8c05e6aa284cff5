"""A job's result file, line by line in constant memory, whatever shape its lines have.

OpenAI keeps answers with an HTTP error in the error file, others in the output file; an `error` may be an
object or a text, a body may be null. A line that can't be read counts as lost, and whoever joins the
results to their requests will miss it.
"""

from collections.abc import AsyncGenerator, AsyncIterator

import msgspec

from overnight.domain.errors import ResultsCut
from overnight.jsonl.lines import Line, LineSplitter, Slab
from overnight.providers.protocol import LineFault, Result

_UTF8_MARK = b"\xef\xbb\xbf"
_NULL = msgspec.Raw(b"null")


class _Fault(msgspec.Struct, gc=False):
    code: str | int | None = None
    message: str | None = None


class _Response(msgspec.Struct, gc=False):
    status_code: int | str | None = None
    request_id: str | None = None
    body: msgspec.Raw = _NULL


class _ResultLine(msgspec.Struct, gc=False):
    custom_id: str
    id: str | int | None = None
    response: msgspec.Raw = _NULL
    error: msgspec.Raw = _NULL


_encode = msgspec.json.Encoder().encode
_lines = msgspec.json.Decoder(_ResultLine)
_responses: msgspec.json.Decoder[_Response | None] = msgspec.json.Decoder(_Response | None)
_faults: msgspec.json.Decoder[_Fault | str | None] = msgspec.json.Decoder(_Fault | str | None)
_texts = msgspec.json.Decoder(str)


async def read_results(blocks: AsyncIterator[bytes]) -> AsyncGenerator[Result, None]:
    """Yield the results of a file whose bytes come in blocks.

    Raises ResultsCut, after all the others, if its last line can't be read and lacks its end.
    """
    splitter = LineSplitter()
    async for block in blocks:
        for slab in splitter.feed(block):
            for result in _results(slab):
                yield result
    for slab in splitter.finish():
        rest = list(_results(slab))
        if not rest and slab.lines[0].strip():
            raise ResultsCut
        for result in rest:
            yield result


def _results(slab: Slab) -> list[Result]:
    if slab.too_long:
        return []
    found = (_read(line, utf8=slab.utf8) for line in slab.lines if line.strip())
    return [result for result in found if result is not None]


def _read(line: Line, *, utf8: bool) -> Result | None:
    if not utf8:
        # The decoder does not look into strings that are kept raw.
        line = line.decode("utf-8", "replace").encode()
    try:
        read = _lines.decode(line.removeprefix(_UTF8_MARK))
        return _result(read)
    except (msgspec.DecodeError, RecursionError):
        return None


def _result(line: _ResultLine) -> Result:
    line_id = line.id if isinstance(line.id, str) and line.id else None
    response, fault = _response(line.response), _fault(line.error)
    if response is None:
        return Result(key=line.custom_id, id=line_id, fault=fault)
    status = _status(response.status_code)
    body = _body(response.body)
    if not body and status < 300 and fault:
        return Result(key=line.custom_id, id=line_id, fault=fault)
    if not body and status >= 300:
        body = _envelope(response.body, fault)
    request_id = response.request_id or None
    return Result(key=line.custom_id, id=line_id, status=status, request_id=request_id, body=body)


def _response(raw: msgspec.Raw) -> _Response | None:
    try:
        return _responses.decode(raw)
    except msgspec.ValidationError:
        return None


def _fault(raw: msgspec.Raw) -> LineFault | None:
    try:
        said = _faults.decode(raw)
    except msgspec.ValidationError:
        said = _Fault()
    if said is None:
        return None
    if isinstance(said, str):
        said = _Fault(message=said)
    code = "provider_error" if said.code is None else str(said.code)
    return LineFault(code=code, message=said.message or "The provider does not say why.")


def _status(said: int | str | None) -> int:
    try:
        status = int(said or 0)
    except ValueError:
        return 0
    return status if 100 <= status < 600 else 0


def _body(raw: msgspec.Raw) -> bytes:
    """Return a body that is an object, on one line; or else nothing."""
    body = bytes(raw)
    if not body.startswith(b"{"):
        return b""
    # A bare carriage return ends a line too, for readers that open a file as text.
    return msgspec.json.format(body, indent=-1) if b"\r" in body else body


def _envelope(raw: msgspec.Raw, fault: LineFault | None) -> bytes:
    """Return OpenAI's error envelope for a response that failed without one."""
    try:
        text = _texts.decode(raw)
    except msgspec.ValidationError:
        text = ""
    message = text or (fault.message if fault else "The provider does not say why.")
    code = fault.code if fault else None
    return _encode({"error": {"message": message, "type": "provider_error", "param": None, "code": code}})
