"""What requests ask for, by a look at some of them."""

import json
from typing import Any

import pytest

from overnight.domain.endpoint import Endpoint
from overnight.pricing import DemandMeter
from overnight.pricing.approximating import approximate_tokens
from overnight.pricing.demand import FIRST_LINES

TEXT = "The quick brown fox jumps over the lazy dog, and then it rests in the shade of an old oak tree."
O200K = 22
"""What OpenAI's o200k makes of it."""


def line(**body: Any) -> bytes:
    return json.dumps({"custom_id": "a", "method": "POST", "url": "/v1/…", "body": body}).encode()


def demand(*lines: bytes, endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS, requests: int | None = None) -> Any:
    meter = DemandMeter(endpoint)
    meter.look(lines)
    return meter.demand(len(lines) if requests is None else requests)


def said(text: str, **fields: Any) -> bytes:
    return line(model="m", messages=[{"role": "user", "content": text}], **fields)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        (TEXT, O200K),
        ("Les sanglots longs des violons de l'automne blessent mon cœur d'une langueur monotone.", 23),
        ("今天天气很好,我们去公园散步吧。", 12),
        ("for index, value in enumerate(values):\n    total += value * weights[index]\n", 17),
        ("", 0),
    ],
)
def test_a_text_is_taken_for_about_as_many_tokens_as_it_has(text: str, tokens: int) -> None:
    assert approximate_tokens(text) == pytest.approx(tokens, rel=0.3, abs=0.1)


def test_only_what_the_model_reads_counts() -> None:
    short, long = said("hello"), said("hello", metadata={"note": TEXT * 50}, user=TEXT * 50)
    assert demand(short).input_tokens == demand(long).input_tokens


def test_tools_and_instructions_are_read_too() -> None:
    tools = [{"type": "function", "function": {"name": "f", "description": TEXT}}]
    assert demand(said("hello", tools=tools)).input_tokens > demand(said("hello")).input_tokens + O200K / 2
    told = demand(line(model="m", input="hello", instructions=TEXT), endpoint=Endpoint.RESPONSES)
    assert told.input_tokens == pytest.approx(O200K + 1, rel=0.3)


def test_a_picture_is_not_taken_for_text() -> None:
    picture = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 400_000}}
    asked = line(model="m", messages=[{"role": "user", "content": [picture]}])
    assert 85 <= demand(asked).input_tokens <= 2_000


def _asking(*parts: Any, **fields: Any) -> bytes:
    return line(model="m", messages=[{"role": "user", "content": [*parts]}], **fields)


def test_pictures_are_counted_of_which_there_is_no_more_than_an_average() -> None:
    pictures = [
        {"type": "image_url", "image_url": {"url": "https://x/a.png"}},
        {"type": "input_image", "file_id": "file-1"},
    ]
    found = demand(_asking(*pictures), said(TEXT))
    assert (found.images, found.unread) == (2, False)
    assert found.input_tokens == pytest.approx(2 * 800 + 2 * 4 + O200K, rel=0.02)


@pytest.mark.parametrize(
    "asked",
    [
        _asking({"type": "input_audio", "input_audio": {"data": "A" * 4_000, "format": "wav"}}),
        _asking({"type": "file", "file": {"file_data": "A" * 4_000}}),
        _asking({"type": "input_file", "file_id": "file-1"}),
        _asking({"type": "video_url", "video_url": {"url": "https://x/a.mp4"}}),
        line(model="m", input="And then?", previous_response_id="resp_1"),
        line(model="m", prompt={"id": "pmpt_1", "variables": {"city": "Paris"}}),
        said("And then?", cached_content="projects/p/cachedContents/1"),
        line(model="m", input=""),
        line(model="m"),
    ],
)
def test_what_can_t_be_told_by_a_look_is_not_taken_for_nothing(asked: bytes) -> None:
    found = demand(asked, said("hello"))
    assert found.unread
    assert found.input_tokens < 30
    assert not demand(said("hello")).unread


def test_a_prompt_of_tokens_has_as_many() -> None:
    asked = line(model="m", input=[[1, 2, 3], [4, 5]])
    assert demand(asked, endpoint=Endpoint.EMBEDDINGS).input_tokens == 5


def test_what_may_be_written_is_the_sum_of_all_bounds() -> None:
    lines = said("a", max_tokens=100), said("b", max_completion_tokens=50, n=3)
    assert demand(*lines).max_output_tokens == 250


def test_one_request_without_a_bound_leaves_all_without() -> None:
    assert demand(said("a", max_tokens=100), said("b")).max_output_tokens is None


def test_embeddings_write_nothing() -> None:
    asked = line(model="m", input="hello")
    assert demand(asked, endpoint=Endpoint.EMBEDDINGS).max_output_tokens == 0


def test_of_many_lines_some_stand_for_all() -> None:
    meter = DemandMeter(Endpoint.CHAT_COMPLETIONS)
    lines = [said(TEXT, max_tokens=10)] * 256
    for _ in range(20):
        meter.look(lines)
    found = meter.demand(20 * 256)
    one = demand(said(TEXT))
    assert FIRST_LINES < 20 * 256
    assert found.input_tokens == pytest.approx(20 * 256 * one.input_tokens, rel=0.05)
    assert found.max_output_tokens == 20 * 256 * 10


@pytest.mark.parametrize("bad", [b"", b"not json", b"[]", b'{"body":[]}', b'{"body":' + b"[" * 100_000])
def test_what_is_no_request_asks_for_nothing(bad: bytes) -> None:
    assert demand(bad, said("hello", max_tokens=7), requests=1).max_output_tokens == 7
