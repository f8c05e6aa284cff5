"""Embeddings by Vertex AI's models: Gemini's own, and the text models before them.

A row is one text, so a request is for one. Numbers come as numbers.
Source: docs.cloud.google.com, get batch embeddings inferences.
"""

import math
from dataclasses import dataclass

import msgspec

from overnight.domain.errors import Untranslatable
from overnight.translate.chat_request import Json
from overnight.translate.completion import encode, unreadable
from overnight.translate.protocol import Reply, Shape, content_key
from overnight.translate.reading import read_body
from overnight.translate.result_rows import ResultRow, read_row
from overnight.translate.row_status import read_status


class EmbeddingRequest(msgspec.Struct, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An OpenAI embedding request; `task_type`, `title` and `auto_truncate` are Google's own."""

    input: object
    dimensions: int | None = None
    encoding_format: str | None = None
    task_type: str | None = None
    title: str | None = None
    auto_truncate: bool | None = None
    model: object = None
    user: object = None


class _Vector(msgspec.Struct, gc=False):
    values: list[float]


class _Usage(msgspec.Struct, gc=False, rename="camel"):
    prompt_token_count: int | None = None


class _Embedded(msgspec.Struct, gc=False, rename="camel"):
    embedding: _Vector
    token_count: int | None = None
    usage_metadata: _Usage | None = None


class _Config(msgspec.Struct, gc=False):
    output_dimensionality: int | None = None


class _Echo(msgspec.Struct, gc=False):
    embed_content_config: _Config | None = None


class _Statistics(msgspec.Struct, gc=False):
    token_count: float | None = None


class _Embeddings(msgspec.Struct, gc=False):
    values: list[float]
    statistics: _Statistics | None = None


class _Prediction(msgspec.Struct, gc=False):
    embeddings: _Embeddings


class _Instance(msgspec.Struct, gc=False):
    content: str | None = None
    task_type: str | None = None
    title: str | None = None
    key: str | None = None


_requests = msgspec.json.Decoder(EmbeddingRequest)
_embedded = msgspec.json.Decoder(_Embedded, strict=False)
_echoes = msgspec.json.Decoder(_Echo, strict=False)
_predictions = msgspec.json.Decoder(list[_Prediction], strict=False)
_instances = msgspec.json.Decoder(_Instance)


@dataclass(frozen=True, slots=True, kw_only=True)
class VertexEmbeddings(Shape):
    """`{"key": …, "request": EmbedContentRequest}` rows, of `gemini-embedding-001` and its successors.

    `key` is documented to come back, beside the request.
    """

    model: str

    def row(self, body: bytes, *, key: str) -> bytes:
        """Return an embedding request as a row. Raises Untranslatable."""
        request = read_body(body, _requests)
        text = _only_text(request)
        if self.model != "gemini-embedding-001":
            _refuse_task(request, self.model)
        settings: Json = {
            "output_dimensionality": request.dimensions,
            "task_type": request.task_type,
            "title": request.title,
            "auto_truncate": request.auto_truncate,
        }
        embed: Json = {"content": {"parts": [{"text": text}]}}
        if given := {name: value for name, value in settings.items() if value is not None}:
            embed["embed_content_config"] = given
        return encode({"key": key, "request": embed})

    def reply(self, row: bytes) -> Reply | None:
        """Return what a row of a prediction file says: a vector, or why there is none."""
        read = read_row(row)
        if read is None or not isinstance(key := read.key, str) or not key:
            return None
        if failed := read_status(key, read.status, read.error):
            return failed
        try:
            embedded = _embedded.decode(read.response)
        except (msgspec.DecodeError, RecursionError):
            return unreadable(key)
        usage = embedded.usage_metadata
        tokens = embedded.token_count or (usage.prompt_token_count if usage else None) or 0
        return _answer(key, _shortened(embedded.embedding.values, read), tokens=tokens, model=self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextEmbeddings(Shape):
    """`{"content": …}` rows, of `text-embedding-005` and its like.

    Nothing comes back but what the model was given, so that the content itself is what correlates a row: two
    lines with the same text share a reply. A `key` is written all the same, and read should it come back.
    """

    model: str

    def key(self, body: bytes, *, custom_id: str) -> str:
        """Return the content's key, the same for all lines that ask for it. Raises Untranslatable."""
        del custom_id
        request = read_body(body, _requests)
        return content_key(_only_text(request), request.task_type or None, request.title or None)

    def row(self, body: bytes, *, key: str) -> bytes:
        """Return an embedding request as a row. Raises Untranslatable."""
        request = read_body(body, _requests)
        instance: Json = {"key": key, "content": _only_text(request)}
        for name in ("dimensions", "auto_truncate"):
            if getattr(request, name) is not None:
                why = (
                    f"{name}: In a batch of {self.model} this can't be said for a single text; leave it out."
                )
                raise Untranslatable(why, param=name)
        for name in ("task_type", "title"):
            if value := getattr(request, name):
                instance[name] = value
        return encode(instance)

    def reply(self, row: bytes) -> Reply | None:
        """Return what a row of a prediction file says: a vector, or why there is none."""
        read = read_row(row)
        key = _key_of_instance(read) if read else None
        if read is None or key is None:
            return None
        if failed := read_status(key, read.status, read.error):
            return failed
        try:
            [prediction] = _predictions.decode(read.predictions)
            vector = prediction.embeddings
            tokens = int((vector.statistics.token_count or 0) if vector.statistics else 0)
        except (msgspec.DecodeError, RecursionError, ValueError, OverflowError):
            return unreadable(key)
        return _answer(key, vector.values, tokens=tokens, model=self.model)


def _only_text(request: EmbeddingRequest) -> str:
    """Return the one text that a request is for. Raises Untranslatable."""
    if request.encoding_format not in {None, "float"}:
        why = "encoding_format: Vertex AI answers in numbers; leave it out, or say float."
        raise Untranslatable(why, param="encoding_format")
    match request.input:
        case str() as text:
            return text
        case [str() as text]:
            return text
        case [str(), *_]:
            why = "input: In a batch for Vertex AI, every line is one text; put each on a line of its own."
        case _:
            why = "input: Vertex AI embeds texts, and knows nothing of OpenAI's tokens."
    raise Untranslatable(why, param="input")


def _refuse_task(request: EmbeddingRequest, model: str) -> None:
    for name in ("task_type", "title"):
        if getattr(request, name) is not None:
            why = f"{name}: {model} ignores this; write it into the text."
            raise Untranslatable(why, param=name)


def _shortened(values: list[float], read: ResultRow) -> list[float]:
    """Return a vector with as many dimensions as were asked for.

    Batches have been seen to answer with all of them. The first ones, brought to length 1 again, are the
    shorter vector: that is how these models are trained.
    """
    try:
        config = _echoes.decode(read.request).embed_content_config
    except (msgspec.DecodeError, RecursionError):
        return values
    wanted = config.output_dimensionality if config else None
    if wanted is None or not 0 < wanted < len(values):
        return values
    kept = values[:wanted]
    length = math.hypot(*kept)
    return [value / length for value in kept] if length else kept


def _key_of_instance(read: ResultRow) -> str | None:
    if isinstance(read.key, str) and read.key:
        return read.key
    try:
        instance = _instances.decode(read.instance)
    except (msgspec.DecodeError, RecursionError):
        return None
    if instance.key:
        return instance.key
    if instance.content is None:
        return None
    return content_key(instance.content, instance.task_type or None, instance.title or None)


def _answer(key: str, values: list[float], *, tokens: int, model: str) -> Reply:
    body: Json = {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": values}],
        "model": model,
        "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
    }
    return Reply(key=key, status=200, body=encode(body))
