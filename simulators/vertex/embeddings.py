"""Rows for embeddings, of which Vertex AI has two kinds: Gemini's, and that of the older models.

Numbers are in [0, 1), made from the hash of the text, as many as are asked for, and otherwise eight. A token
is a word. Source: the guide to batch embeddings; what the older models echo is as users have observed it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from simulators.native.manner import Json
from simulators.vertex.rows import (
    Failure,
    Occasion,
    Row,
    decoded,
    echoed,
    field_of,
    google_failure,
    listed,
    told,
)
from simulators.vertex.words import CODES, NUMBERS

_SIZE = 8
_INSTANCE = ("content", "task_type", "title")
_MOST_WORDS = 2048


class GeminiEmbeddingRows:
    """`{"key": …, "request": {"content": {"parts": […]}, "embed_content_config": {…}}}`."""

    most_rows = 1_000_000

    def fault(self, row: Row) -> str | None:
        """Say what is wrong with a row."""
        request = decoded(row.get("request"))
        if not isinstance(request, dict):
            return 'Invalid value at "request": it has to be an object.'
        return next(_request_faults(request), None)

    def failure(self, status: int, message: str) -> Failure:
        """Word a failure as a bare `google.rpc.Status`."""
        return _BareFailure(
            status=status, message=message, body={"code": NUMBERS[CODES[status]], "message": message}
        )

    def answered(self, row: Row, occasion: Occasion) -> Json:
        """Return the row with its embedding; the newer model tells its usage as Gemini does."""
        request = decoded(row["request"])
        text = _text(request["content"])
        config = field_of(request, "embedContentConfig") or {}
        size = int(field_of(config, "outputDimensionality") or _SIZE)
        response: Json = {"embedding": {"values": vector(text, size=size)}}
        if occasion.model == "gemini-embedding-001":
            response["tokenCount"] = str(len(text.split()))
        else:
            response["usageMetadata"] = {"promptTokenCount": len(text.split())}
        return {**told(occasion), **echoed(row), "response": response}

    def failed(self, row: Row, failure: Failure, occasion: Occasion) -> Json:
        """Return the row without a response."""
        return {**told(occasion, failure), **echoed(row)}

    def instance(self, row: Row) -> Json:
        """Return all of it."""
        return echoed(row)


class TextEmbeddingRows:
    """`{"content": "…", "task_type": …, "title": …}`, for the models before Gemini's."""

    most_rows = 30_000

    def fault(self, row: Row) -> str | None:
        """Say what is wrong with a row."""
        content = decoded(row.get("content"))
        if not isinstance(content, str):
            return "Unable to submit request because it must have a content field."
        return None if content.strip() else "The text content is empty."

    def failure(self, status: int, message: str) -> Failure:
        """Word a failure in Google's envelope."""
        return google_failure(status, message)

    def answered(self, row: Row, occasion: Occasion) -> Json:
        """Return the embedding of a row, after what it was made of."""
        text = str(decoded(row["content"]))
        words = len(text.split())
        size = int(float(occasion.parameters.get("outputDimensionality") or _SIZE))
        statistics = {"token_count": min(words, _MOST_WORDS), "truncated": words > _MOST_WORDS}
        embeddings = {"statistics": statistics, "values": vector(text, size=size)}
        return {**self._echoed(row, occasion), "predictions": [{"embeddings": embeddings}], "status": ""}

    def failed(self, row: Row, failure: Failure, occasion: Occasion) -> Json:
        """Return no prediction."""
        return {**self._echoed(row, occasion), "predictions": [], "status": failure.told}

    def instance(self, row: Row) -> Json:
        """Return what a model takes of a row: anything else is not there any more."""
        return {"instance": {name: row[name] for name in _INSTANCE if name in row}}

    def _echoed(self, row: Row, occasion: Occasion) -> Json:
        if occasion.key_field is not None and occasion.key_field in row:
            return {"key": row[occasion.key_field]}
        return self.instance(row)


class _BareFailure(Failure):
    """A failure that is told without the words of HTTP."""

    @property
    def told(self) -> str:
        """The status as JSON."""
        return json.dumps(self.body)


def vector(text: str, *, size: int) -> list[float]:
    """Return as many numbers as asked for, made from the hash of a text."""
    return [byte / 256 for byte in hashlib.shake_256(text.encode()).digest(size)]


def _request_faults(request: Mapping[str, Any]) -> Iterator[str]:
    for name in request:
        if name not in {"content", "embedContentConfig", "embed_content_config"}:
            yield f"Invalid JSON payload received. Unknown name \"{name}\" at 'request': Cannot find field."
    content = request.get("content")
    if not isinstance(content, Mapping) or not content.get("parts"):
        yield "content.parts must not be empty."
    elif not _text(content).strip():
        yield "The text content is empty."


def _text(content: Mapping[str, Any]) -> str:
    return " ".join(str(part.get("text", "")) for part in listed(content["parts"]))
