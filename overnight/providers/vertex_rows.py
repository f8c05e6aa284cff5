"""Requests and results as the rows of Vertex AI's batch prediction."""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence

from overnight.domain.deployment import ANY_MODEL
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import Untranslatable
from overnight.jsonl import Request
from overnight.jsonl.lines import Line, LineSplitter
from overnight.providers.protocol import Result
from overnight.translate import Shape, vertex_shape

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

    def key(self, request: Request) -> str:
        """Return the mark that a row bears there and back."""
        return self._shape.key(request.body, custom_id=request.custom_id)

    def row(self, request: Request) -> bytes:
        """Return a request's row. Raises Untranslatable."""
        return self._shape.row(request.body, key=self.key(request)) + b"\n"

    def fault(self, request: Request) -> Untranslatable | None:
        """Return why there is no row for a request."""
        try:
            self.row(request)
        except Untranslatable as error:
            return error
        return None


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
