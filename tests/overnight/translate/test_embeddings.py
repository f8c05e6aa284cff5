"""Embeddings: Google's rows there, OpenAI's lists back, and vectors of the length that was asked for."""

import json
import math
from typing import Any

import pytest
from google.genai import types
from openai.types import CreateEmbeddingResponse

from overnight.domain.errors import Untranslatable
from overnight.translate import Reply, Shape, TextEmbeddings, VertexEmbeddings, line_key
from tests.overnight.translate.importing import ImportTable
from tests.overnight.translate.writing import NASTY

GEMINI = VertexEmbeddings(model="gemini-embedding-001")
SECOND = VertexEmbeddings(model="gemini-embedding-2")
TEXT = TextEmbeddings(model="text-embedding-005")
KEY = line_key("r-1")


def asked(shape: Shape, **body: Any) -> dict[str, Any]:
    row = shape.row(json.dumps({"model": "m", **body}).encode(), key=KEY)
    assert b"\n" not in row
    return dict(json.loads(row))


def answered(shape: Shape, row: dict[str, Any]) -> Reply:
    read = shape.reply(json.dumps(row).encode())
    assert read is not None
    return read


def vector(read: Reply) -> list[float]:
    assert read.status == 200
    [only] = CreateEmbeddingResponse.model_validate_json(read.body, strict=True).data
    return only.embedding


def test_a_gemini_s_row_is_as_google_documents_it() -> None:
    assert asked(GEMINI, input="Hello") == {
        "key": KEY,
        "request": {"content": {"parts": [{"text": "Hello"}]}},
    }
    full = asked(
        GEMINI, input=["Hello"], dimensions=768, task_type="RETRIEVAL_DOCUMENT", title="t", user="u",
        encoding_format="float", auto_truncate=False,
    )  # fmt: skip
    assert full["request"]["embed_content_config"] == {
        "output_dimensionality": 768,
        "task_type": "RETRIEVAL_DOCUMENT",
        "title": "t",
        "auto_truncate": False,
    }
    types.Content.model_validate(full["request"]["content"])
    types.EmbedContentConfig.model_validate(full["request"]["embed_content_config"])


def test_a_text_model_s_row_is_as_google_documents_it() -> None:
    assert asked(TEXT, input=NASTY) == {"key": KEY, "content": NASTY}
    assert asked(TEXT, input="x", task_type="CLUSTERING", title="t") == {
        "key": KEY,
        "content": "x",
        "task_type": "CLUSTERING",
        "title": "t",
    }


def test_rows_together_can_be_imported() -> None:
    table = ImportTable()
    for body in ({"input": "a"}, {"input": ["b"], "dimensions": 5}, {"input": NASTY, "task_type": "X"}):
        table.add(asked(GEMINI, **body))


REFUSED = [
    (GEMINI, "input", {"input": ["a", "b"]}),
    (GEMINI, "input", {"input": [1, 2, 3]}),
    (GEMINI, "input", {"input": [[1], [2]]}),
    (GEMINI, "input", {"input": []}),
    (GEMINI, "input", {}),
    (GEMINI, "encoding_format", {"input": "a", "encoding_format": "base64"}),
    (GEMINI, "dimensions", {"input": "a", "dimensions": "many"}),
    (GEMINI, "colour", {"input": "a", "colour": 1}),
    (SECOND, "task_type", {"input": "a", "task_type": "CLUSTERING"}),
    (SECOND, "title", {"input": "a", "title": "t"}),
    (TEXT, "input", {"input": ["a", "b"]}),
    (TEXT, "dimensions", {"input": "a", "dimensions": 256}),
    (TEXT, "auto_truncate", {"input": "a", "auto_truncate": False}),
]


@pytest.mark.parametrize(("shape", "param", "body"), REFUSED, ids=range(len(REFUSED)))
def test_what_can_t_be_said_is_refused_by_name(shape: Shape, param: str, body: dict[str, Any]) -> None:
    with pytest.raises(Untranslatable) as refused:
        shape.row(json.dumps(body).encode(), key=KEY)
    assert refused.value.param == param


def test_a_key_made_of_the_content_needs_one() -> None:
    with pytest.raises(Untranslatable):
        TEXT.key(b'{"input":[1,2]}', custom_id="r-1")


def test_a_gemini_s_vector_is_openai_s() -> None:
    row = {
        "key": KEY,
        "request": {},
        "response": {"tokenCount": "2", "embedding": {"values": [-0.015, 0.024, 1]}},
    }
    read = answered(GEMINI, row)
    assert (read.key, vector(read)) == (KEY, [-0.015, 0.024, 1.0])
    body = json.loads(read.body)
    assert (body["model"], body["usage"]) == ("gemini-embedding-001", {"prompt_tokens": 2, "total_tokens": 2})
    row["response"] = {"embedding": {"values": [0.5]}, "usageMetadata": {"promptTokenCount": 3}}
    assert json.loads(answered(GEMINI, row).body)["usage"]["prompt_tokens"] == 3


def test_a_vector_that_is_longer_than_was_asked_for_is_cut_to_length_1() -> None:
    request = asked(GEMINI, input="x", dimensions=2)["request"]
    response = {"embedding": {"values": [3.0, 4.0, 12.0]}}
    read = answered(GEMINI, {"key": KEY, "request": request, "response": response})
    assert vector(read) == pytest.approx([0.6, 0.8])
    assert math.hypot(*vector(read)) == pytest.approx(1)
    row = {"key": KEY, "request": [], "response": {"embedding": {"values": [3.0, 4.0, 12.0]}}}
    assert len(vector(answered(GEMINI, row))) == 3
    for values in ([3.0, 4.0], [3.0]):
        row = {"key": KEY, "request": request, "response": {"embedding": {"values": values}}}
        assert vector(answered(GEMINI, row)) == values


def test_a_text_model_s_vector_is_found_by_its_content() -> None:
    body = json.dumps({"input": NASTY, "task_type": "CLUSTERING"}).encode()
    key = TEXT.key(body, custom_id="r-1")
    sent = json.loads(TEXT.row(body, key=key))
    prediction = {"embeddings": {"statistics": {"token_count": 8, "truncated": False}, "values": [0.2, 0.1]}}
    echoes = [
        {"content": NASTY, "task_type": "CLUSTERING"},
        {"content": NASTY, "task_type": "CLUSTERING", "title": None},
        {"content": NASTY, "task_type": "CLUSTERING", "title": ""},
        sent,
    ]
    for echo in echoes:
        read = answered(TEXT, {"instance": echo, "predictions": [prediction], "status": ""})
        assert (read.key, vector(read)) == (key, [0.2, 0.1])
        assert json.loads(read.body)["usage"] == {"prompt_tokens": 8, "total_tokens": 8}
    read = answered(TEXT, {"key": key, "predictions": [prediction], "status": ""})
    assert read.key == key


@pytest.mark.parametrize("shape", [GEMINI, TEXT], ids=["gemini", "text"])
def test_a_row_that_holds_no_vector_is_an_error(shape: Shape) -> None:
    for row in (
        {"key": KEY, "request": {}, "response": {}, "predictions": []},
        {"key": KEY, "request": [], "response": {"embedding": {"values": ["x"]}}, "predictions": [{}, {}]},
        {"key": KEY},
        {"key": KEY, "predictions": [{"embeddings": {"values": [1], "statistics": {"token_count": "inf"}}}]},
    ):
        read = answered(shape, row)
        assert (read.key, read.status) == (KEY, 502)


@pytest.mark.parametrize("shape", [GEMINI, TEXT], ids=["gemini", "text"])
def test_a_row_that_is_none_of_ours_is_left_alone(shape: Shape) -> None:
    for row in (
        b"",
        b"[]",
        b"{}",
        b'{"key":5}',
        b'{"instance":[]}',
        b'{"instance":{"content":7}}',
        b'{"instance":{}}',
    ):
        assert shape.reply(row) is None
