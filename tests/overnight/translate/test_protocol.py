"""What correlates a row with its result, and which shape a model has."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from overnight.domain.endpoint import Endpoint
from overnight.translate import (
    ClaudeChat,
    GeminiChat,
    TextEmbeddings,
    VertexEmbeddings,
    line_key,
    vertex_shape,
)
from overnight.translate.protocol import content_key
from tests.overnight.translate.fuzzing import PATIENT

ODD_IDS = [
    "",
    " ",
    "x" * 512,
    "😀" * 512,
    'a "b" \\ c',
    "R-1",
    "r-1",
    "000000",
    "null",
    "مرحبا",
    "\n",
    "\ud800",
]
LABEL = re.compile(r"[a-z][a-z0-9_-]{0,62}")


@PATIENT
@given(st.text() | st.sampled_from(ODD_IDS))
def test_a_key_is_fit_for_a_label_and_looks_like_no_number(custom_id: str) -> None:
    key = line_key(custom_id)
    assert LABEL.fullmatch(key)
    assert len(key) > 160 / 4
    assert key == line_key(custom_id)


def test_different_ids_have_different_keys() -> None:
    ids = {*ODD_IDS, *(f"request-{number}" for number in range(10_000))}
    assert len({line_key(custom_id) for custom_id in ids}) == len(ids)


def test_a_content_s_key_tells_its_parts_apart() -> None:
    contents = [("ab", None, None), ("a", "b", None), ("a", None, "b"), ("ab", "", None), ("a:b", None, None)]
    assert len({content_key(*content) for content in contents}) == len(contents)


CHAT, EMBEDDINGS = Endpoint.CHAT_COMPLETIONS, Endpoint.EMBEDDINGS


@pytest.mark.parametrize(
    ("model", "endpoint", "shape"),
    [
        ("gemini-2.5-flash", CHAT, GeminiChat(model="gemini-2.5-flash")),
        ("publishers/google/models/gemini-2.5-pro", CHAT, GeminiChat(model="gemini-2.5-pro")),
        ("projects/p/locations/l/models/123", CHAT, GeminiChat(model="123")),
        ("claude-sonnet-4-5@20250929", CHAT, ClaudeChat(model="claude-sonnet-4-5@20250929")),
        ("publishers/anthropic/models/claude-opus-4-6", CHAT, ClaudeChat(model="claude-opus-4-6")),
        ("gemini-embedding-001", EMBEDDINGS, VertexEmbeddings(model="gemini-embedding-001")),
        ("gemini-embedding-2", EMBEDDINGS, VertexEmbeddings(model="gemini-embedding-2")),
        ("text-embedding-005", EMBEDDINGS, TextEmbeddings(model="text-embedding-005")),
        ("publishers/google/models/text-embedding-x", EMBEDDINGS, TextEmbeddings(model="text-embedding-x")),
        ("multimodalembedding@001", EMBEDDINGS, None),
        ("gemini-embedding-001", CHAT, None),
        ("gemini-2.5-flash", EMBEDDINGS, None),
        ("claude-opus-4-6", EMBEDDINGS, None),
        ("publishers/meta/models/llama-4", CHAT, None),
        ("publishers/gemini-2.5-flash", CHAT, None),
        ("text-bison", EMBEDDINGS, None),
        ("gemini-2.5-flash", Endpoint.RESPONSES, None),
        ("gemini-2.5-flash", Endpoint.COMPLETIONS, None),
    ],
)
def test_a_model_has_the_shape_of_its_kind(model: str, endpoint: Endpoint, shape: object) -> None:
    assert vertex_shape(model, endpoint) == shape


def test_a_line_s_key_is_its_custom_id_s_unless_only_the_content_comes_back() -> None:
    for shape in (GeminiChat(model="g"), ClaudeChat(model="c"), VertexEmbeddings(model="e")):
        assert shape.key(b"{}", custom_id="r-1") == line_key("r-1")
    shared = TextEmbeddings(model="text-embedding-005")
    assert shared.key(b'{"input":"x"}', custom_id="a") == shared.key(b'{"input":["x"]}', custom_id="b")
