"""The publishers' models, and which kind of rows each takes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from simulators.native.refusals import Reason, Refusal
from simulators.vertex.claude import ClaudeRows
from simulators.vertex.embeddings import GeminiEmbeddingRows, TextEmbeddingRows
from simulators.vertex.gemini import GeminiRows
from simulators.vertex.rows import RowKind

_NAME = re.compile(
    r"(?:projects/[^/]+/locations/[^/]+/)?publishers/(?P<publisher>[^/]+)/models/(?P<model>[^/]+)"
)
_KINDS: tuple[tuple[str, str, RowKind], ...] = (
    ("google", r"gemini-embedding-.+", GeminiEmbeddingRows()),
    ("google", r"text-embedding-.+|text-multilingual-embedding-.+", TextEmbeddingRows()),
    ("google", r"gemini-.+", GeminiRows()),
    ("anthropic", r"claude-.+", ClaudeRows()),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model: its publisher, its bare name, and its kind of rows."""

    publisher: str
    name: str
    kind: RowKind

    @property
    def is_claude(self) -> bool:
        """Whether it is a partner's, with a quota of its own."""
        return self.publisher == "anthropic"


def model_of(named: str, served: Collection[str] | None) -> Model:
    """Return the model of a resource name; `served` are the bare names there are, None being all.

    Raises Refusal for one that there is not.
    """
    match = _NAME.fullmatch(named)
    if match is None:
        raise Refusal(
            Reason.INVALID_VALUE,
            param="batch_prediction_job.model",
            problem=f'"{named}" is not a valid resource name.',
        )
    name = match["model"]
    for publisher, pattern, kind in _KINDS:
        if publisher == match["publisher"] and re.fullmatch(pattern, name):
            if served is None or name in served:
                return Model(publisher=publisher, name=name, kind=kind)
            break
    raise Refusal(Reason.UNKNOWN_MODEL, model=name)
