"""Requests and results as the rows of Vertex AI's batch prediction."""

import traceback
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from pathlib import Path

import structlog

from overnight.domain.deployment import ANY_MODEL
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import Untranslatable
from overnight.jsonl import Request
from overnight.jsonl.lines import Line, LineSplitter
from overnight.providers.protocol import Result
from overnight.translate import Shape, vertex_shape

_PACKAGE = Path(__file__).parents[1]
_log = structlog.stdlib.get_logger(__name__)

ENDPOINTS = frozenset({Endpoint.CHAT_COMPLETIONS, Endpoint.EMBEDDINGS})


def endpoints_of_model(model: str) -> frozenset[Endpoint]:
    """Return what batches of a model can be for; where any model is served, that is for all there is."""
    if model == ANY_MODEL:
        return ENDPOINTS
    return frozenset(endpoint for endpoint in ENDPOINTS if vertex_shape(model, endpoint))


def shape_of(model: str) -> Shape | None:
    """Return how rows for a model are written."""
    shapes = (vertex_shape(model, endpoint) for endpoint in sorted(ENDPOINTS))
    return next((shape for shape in shapes if shape is not None), None)


class VertexRows:
    """Rows for one model and endpoint. It is a Shape of the providers' seam."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._reported: set[str] = set()

    def key(self, request: Request) -> str:
        """Return the mark that a row bears there and back."""
        return self._shape.key(request.body, custom_id=request.custom_id)

    def row(self, request: Request) -> bytes:
        """Return a request's row. Raises Untranslatable."""
        try:
            return self._shape.row(request.body, key=self.key(request)) + b"\n"
        except (Untranslatable, MemoryError):
            raise
        except Exception as error:  # noqa: BLE001 - a line that we fail at is not to hold up all the others
            self._report(error)
            raise Untranslatable("This request can't be translated.", param=None) from None

    def fault(self, request: Request) -> Untranslatable | None:
        """Return why there is no row for a request."""
        try:
            self.row(request)
        except Untranslatable as error:
            return error
        return None

    def _report(self, error: Exception) -> None:
        """Log what went wrong and where, once a place; the error's own words may quote the request."""
        place = _place(error)
        if place not in self._reported:
            self._reported.add(place)
            _log.error("line not translated", error=type(error).__name__, place=place)


async def read_rows(blocks: AsyncIterator[bytes], shape: Shape) -> AsyncGenerator[Result, None]:
    """Yield the results of one file of predictions; rows that can't be read count as lost."""
    splitter = LineSplitter()
    async for block in blocks:
        for slab in splitter.feed(block):
            for result in _results(slab.lines, shape):
                yield result
    for slab in splitter.finish():
        for result in _results(slab.lines, shape):
            yield result


def _results(lines: Sequence[Line], shape: Shape) -> Iterator[Result]:
    for line in lines:
        reply = shape.reply(bytes(line)) if line.strip() else None
        if reply is not None:
            yield Result(key=reply.key, status=reply.status, body=reply.body, request_id=reply.request_id)


def _place(error: Exception) -> str:
    """Return the line of ours where it was raised, or that called what raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if _PACKAGE in Path(frame.filename).parents][-1]
    return f"{Path(ours.filename).name}:{ours.lineno}"
