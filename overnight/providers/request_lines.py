"""Requests as OpenAI's batch API has them written: as the client wrote them, but for the model's name."""

import msgspec

from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import Untranslatable
from overnight.jsonl import Request, with_model

_encode = msgspec.json.Encoder().encode
_LINE = b'{"custom_id":%b,"method":"POST","url":"%b","body":%b}\n'


class RequestLines:
    """OpenAI's shape, for one endpoint. `model` None leaves the name that the client gave. It is a Shape."""

    def __init__(self, endpoint: Endpoint, *, model: str | None) -> None:
        self._url = endpoint.value.encode()
        self._model = model

    def key(self, request: Request) -> str:
        """Return the client's own id: results bear it."""
        return request.custom_id

    def row(self, request: Request) -> bytes:
        """Return the request's line."""
        body = request.body if self._model is None else with_model(request.body, self._model)
        return _LINE % (_encode(request.custom_id), self._url, body)

    def fault(self, request: Request) -> Untranslatable | None:  # noqa: ARG002 - Shape's signature
        """Return None: what a client may write, OpenAI takes, or says by itself why not."""
        return None
