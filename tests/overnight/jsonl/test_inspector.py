"""Every way an input can be good or bad, and that it makes no difference how it arrives."""

import json
import random
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from overnight.domain.batch import BatchError
from overnight.domain.endpoint import Endpoint
from overnight.domain.plan import MAX_CHUNK_LINES, MAX_LINE_BYTES, MAX_SHARD_LINES
from overnight.jsonl import Inspection, Inspector, read_requests

MODELS = {"gpt-a", "gpt-b"}
NOT_JSON = "This line is not parseable as valid JSON."
Inspect = Callable[..., Inspection]


@pytest.fixture
def inspect(tmp_path_factory: pytest.TempPathFactory) -> Inspect:
    def inspect(
        *blocks: bytes, endpoint: Endpoint = Endpoint.CHAT_COMPLETIONS, default_model: str | None = None
    ) -> Inspection:
        inspector = Inspector(
            endpoint=endpoint,
            knows_model=MODELS.__contains__,
            default_model=default_model,
            scratch=tmp_path_factory.mktemp("scratch"),
        )
        for block in blocks:
            inspector.feed(block)
        return inspector.finish()

    return inspect


def line(custom_id: object = "a", **changes: object) -> bytes:
    """A good line, but for `changes`; one whose value is `...` is left out."""
    request: dict[str, Any] = {
        "custom_id": custom_id,
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "gpt-a", "messages": [{"role": "user", "content": "Hi 你好"}]},
    }
    request |= changes
    given = {name: value for name, value in request.items() if value is not ...}
    return json.dumps(given, ensure_ascii=False).encode()


def body(**changes: object) -> dict[str, object]:
    given = {"model": "gpt-a", "messages": []} | changes
    return {name: value for name, value in given.items() if value is not ...}


def lines(count: int) -> list[bytes]:
    return [line(f"r-{n}") for n in range(count)]


def codes(inspection: Inspection) -> list[tuple[int | None, str, str | None]]:
    return [(problem.line, problem.code, problem.param) for problem in inspection.problems()]


def file_of(*content: bytes) -> bytes:
    return b"\n".join(content) + b"\n"


def test_a_good_input_has_lines_a_model_and_no_problem(inspect: Inspect) -> None:
    inspection = inspect(file_of(*lines(3)))
    assert (inspection.lines, inspection.model, inspection.problem_count) == (3, "gpt-a", 0)
    assert list(inspection.problems()) == []
    assert [shard.lines for shard in inspection.shards] == [3]


@pytest.mark.parametrize(
    ("bad", "code", "param", "message"),
    [
        (b"{", "invalid_json_line", None, NOT_JSON),
        (b"custom_id,prompt", "invalid_json_line", None, NOT_JSON),
        (line() + line("b"), "invalid_json_line", None, NOT_JSON),
        (line().replace(b"Hi", b"\0"), "invalid_json_line", None, NOT_JSON),
        (line().replace(b"Hi", b"\t"), "invalid_json_line", None, NOT_JSON),
        (line().replace(b"Hi", b"\xff"), "invalid_json_line", None, NOT_JSON),
        (line().replace(b"Hi", b"\xed\xa0\x80"), "invalid_json_line", None, NOT_JSON),
        (line().replace(b'"Hi', b"[" * 100_000 + b'"'), "invalid_json_line", None, "nested too deeply"),
        (b"[1]", "invalid_json_line", None, "must be a JSON object"),
        (b'"text"', "invalid_json_line", None, "must be a JSON object"),
        (line(...), "missing_required_parameter", "custom_id", "Missing required parameter: 'custom_id'."),
        (line(method=...), "missing_required_parameter", "method", "Missing required parameter: 'method'."),
        (line(url=...), "missing_required_parameter", "url", "Missing required parameter: 'url'."),
        (line(body=...), "missing_required_parameter", "body", "Missing required parameter: 'body'."),
        (line(..., body=...), "missing_required_parameter", "custom_id", "Missing required parameter"),
        (
            line(url="/x", body=...),
            "missing_required_parameter",
            "body",
            "Missing required parameter: 'body'.",
        ),
        (line(7), "invalid_request", "custom_id", "must be a string of 1 to 512 characters"),
        (line(""), "invalid_request", "custom_id", "must be a string of 1 to 512 characters"),
        (line(None), "invalid_request", "custom_id", "must be a string of 1 to 512 characters"),
        (line("x" * 513), "invalid_request", "custom_id", "must be a string of 1 to 512 characters"),
        (line(method="GET"), "invalid_method", "method", "must be 'POST'"),
        (line(method="post"), "invalid_method", "method", "must be 'POST'"),
        (line(url="/v1/embeddings"), "invalid_url", "url", "does not match the batch endpoint."),
        (line(url=None), "invalid_url", "url", "does not match the batch endpoint."),
        (line(body=[]), "invalid_request", "body", "must be a JSON object"),
        (line(body="text"), "invalid_request", "body", "must be a JSON object"),
        (line(body=body(model=...)), "invalid_request", "body.model", "Model parameter is required."),
        (line(body=body(model="")), "invalid_request", "body.model", "Model parameter is required."),
        (line(body=body(model=4)), "invalid_request", "body.model", "Model parameter is required."),
        (
            line(body=body(model="gpt-x")),
            "model_not_found",
            "body.model",
            "The provided model 'gpt-x' is not supported by the Batch API.",
        ),
        (
            line(body=body(stream=True)),
            "streaming_unsupported",
            "body.stream",
            "Chat Completions: Streaming is not supported in the Batch API.",
        ),
        (line(body=body(stream="yes")), "streaming_unsupported", "body.stream", "Streaming is not supported"),
    ],
)
@pytest.mark.parametrize("place", [1, 2, 4])
def test_a_bad_line_is_named_wherever_it_stands(
    inspect: Inspect, *, bad: bytes, code: str, param: str | None, message: str, place: int
) -> None:
    content = lines(3)
    content.insert(place - 1, bad)
    inspection = inspect(file_of(*content))
    assert codes(inspection) == [(place, code, param)]
    assert message in next(inspection.problems()).message
    assert inspection.problem_count == 1
    assert inspection.shards == ()
    assert inspection.lines == 4


def test_all_bad_lines_are_reported_in_line_order(inspect: Inspect) -> None:
    content = [b"", *lines(2), b"{", line("a", method="GET"), b"   ", line("r-0"), line("a", url="/")]
    inspection = inspect(file_of(*content))
    assert codes(inspection) == [
        (4, "invalid_json_line", None),
        (5, "invalid_method", "method"),
        (7, "duplicate_custom_id", "custom_id"),
        (8, "invalid_url", "url"),
    ]
    assert inspection.lines == 6


def test_problems_as_jsonl_are_the_same_problems(inspect: Inspect) -> None:
    inspection = inspect(file_of(b"{", line(method="GET")))
    stored = b"".join(inspection.problems_jsonl())
    assert [BatchError(**json.loads(entry)) for entry in stored.splitlines()] == list(inspection.problems())


def test_the_first_known_model_is_the_batchs(inspect: Inspect) -> None:
    content = [line("a", body=body(model="gpt-x")), line("b", body=body(model="gpt-b")), line("c")]
    inspection = inspect(file_of(*content))
    assert inspection.model == "gpt-b"
    assert codes(inspection) == [(1, "model_not_found", "body.model"), (3, "mismatched_model", "body.model")]
    assert [problem.message for problem in inspection.problems()][1] == (
        "The model 'gpt-a' for this request does not match the rest of the batch. "
        "Each batch must contain requests for a single model."
    )


@pytest.mark.parametrize("unnamed", [..., None, ""])
def test_a_body_without_a_model_is_for_the_default_one(inspect: Inspect, unnamed: object) -> None:
    content = [line(f"r-{n}", body=body(model=unnamed if n % 2 else "gpt-a")) for n in range(2_000)]
    inspection = inspect(file_of(*content), default_model="gpt-a")
    assert (inspection.model, inspection.problem_count) == ("gpt-a", 0)


def test_a_default_model_is_no_excuse_for_another(inspect: Inspect) -> None:
    named = [line("a"), line("b", body=body(model="gpt-x")), line("c", body=body(model=...))]
    inspection = inspect(file_of(*named, line("d", body=body(model=4))), default_model="gpt-b")
    assert codes(inspection) == [
        (2, "model_not_found", "body.model"),
        (3, "mismatched_model", "body.model"),
        (4, "invalid_request", "body.model"),
    ]


def test_a_name_of_any_length_makes_a_message_of_bounded_length(inspect: Inspect) -> None:
    inspection = inspect(file_of(line(body=body(model="x" * 1_000_000))))
    assert len(next(inspection.problems()).message) < 1_000


def test_another_endpoint_has_its_own_url_and_name(inspect: Inspect) -> None:
    content = file_of(line("a", url="/v1/responses"), line("b", url="/v1/responses", body=body(stream=True)))
    inspection = inspect(content, endpoint=Endpoint.RESPONSES)
    assert [problem.message for problem in inspection.problems()] == [
        "Responses: Streaming is not supported in the Batch API."
    ]


@pytest.mark.parametrize("content", [b"", b"\n", b"\r\n \n\t\n", b"   "])
def test_an_input_without_requests_is_empty(inspect: Inspect, content: bytes) -> None:
    inspection = inspect(content)
    assert codes(inspection) == [(None, "empty_file", None)]
    assert inspection.lines == 0


def test_a_byte_order_mark_is_named(inspect: Inspect) -> None:
    inspection = inspect(b"\xef\xbb\xbf" + file_of(*lines(2)))
    assert codes(inspection) == [(1, "invalid_json_line", None)]
    assert "byte order mark" in next(inspection.problems()).message


@pytest.mark.parametrize(
    "content",
    [
        b"\r\n".join(lines(3)) + b"\r\n",
        b"\n".join(lines(3)),
        b"\n\n  \n".join(lines(3)) + b"\n\n",
        file_of(*(line(f"r-{n}", body=body(stream=False)) for n in range(3))),
        file_of(*(line(f"r-{n}", body=body(stream=None)) for n in range(3))),
        file_of(*(line(f"r-{n}", extra={"kept": [1, None]}) for n in range(3))),
        file_of(*(line(f"{n}" * 512) for n in range(3))),
    ],
    ids=["CRLF", "no final newline", "blank lines", "stream false", "stream null", "extra", "long ids"],
)
def test_what_openai_accepts_is_accepted(inspect: Inspect, content: bytes) -> None:
    inspection = inspect(content)
    assert list(inspection.problems()) == []
    assert inspection.lines == 3


def test_a_line_over_the_limit_is_refused_and_not_kept(inspect: Inspect) -> None:
    block = b"x" * 2**20
    blocks = [
        file_of(line("a")),
        *[block] * (MAX_LINE_BYTES // len(block)),
        b"x",
        file_of(b"", line("b"), b"{"),
    ]
    inspection = inspect(*blocks)
    assert codes(inspection) == [(2, "invalid_request", None), (4, "invalid_json_line", None)]
    assert "64 MiB" in next(inspection.problems()).message


def test_a_line_at_the_limit_is_a_chunk_of_its_own(inspect: Inspect) -> None:
    frame = line("big", body=body(messages="@"))
    big = frame.replace(b"@", b"x" * (MAX_LINE_BYTES - len(frame) + 1))
    assert len(big) == MAX_LINE_BYTES
    inspection = inspect(file_of(line("a"), big, line("b")))
    assert inspection.problem_count == 0
    assert [chunk.lines for chunk in inspection.shards[0].chunks] == [1, 1, 1]


def test_every_later_use_of_an_id_is_a_duplicate(inspect: Inspect) -> None:
    content = [line("a"), line("b"), line("a"), b"", line("a"), line("b", method="GET")]
    inspection = inspect(file_of(*content))
    assert codes(inspection) == [
        (3, "duplicate_custom_id", "custom_id"),
        (5, "duplicate_custom_id", "custom_id"),
        (6, "invalid_method", "method"),
    ]
    assert next(inspection.problems()).message == (
        "The custom_id 'a' for this request is a duplicate of another request. "
        "The custom_id parameter must be unique for each request in a batch."
    )


def test_ids_are_compared_as_text_not_as_written(inspect: Inspect) -> None:
    escaped = line("b").replace(b'"b"', b'"\\u0061"')
    assert codes(inspect(file_of(line("a"), escaped))) == [(2, "duplicate_custom_id", "custom_id")]


def test_chunks_and_shards_keep_their_bounds(inspect: Inspect) -> None:
    count = MAX_SHARD_LINES + MAX_CHUNK_LINES + 1
    inspection = inspect(file_of(*lines(count)))
    assert [shard.lines for shard in inspection.shards] == [MAX_SHARD_LINES, MAX_CHUNK_LINES + 1]
    assert max(chunk.lines for shard in inspection.shards for chunk in shard.chunks) == MAX_CHUNK_LINES


def dice_of(seed: int) -> random.Random:
    return random.Random(seed)  # noqa: S311 - it must be repeatable, not secret


def test_chunks_read_again_give_every_request_once_and_in_order(inspect: Inspect) -> None:
    dice = dice_of(7)
    content = b""
    for n in range(3_500):
        content += line(f"r-{n}", body=body(messages="x" * dice.randrange(200)))
        content += dice.choice([b"\n", b"\r\n", b"\n\n", b"\n   \n"])
    inspection = inspect(content)
    requests = [
        request
        for shard in inspection.shards
        for chunk in shard.chunks
        for request in read_requests(
            content[chunk.offset : chunk.offset + chunk.length], first_index=chunk.first_index
        )
    ]
    assert [(request.index, request.custom_id) for request in requests] == [
        (n, f"r-{n}") for n in range(3_500)
    ]


def cut(content: bytes, dice: random.Random) -> Iterable[bytes]:
    rest = content
    while rest:
        size = dice.choice([1, 2, 3, 50, 500, 5_000])
        yield rest[:size]
        rest = rest[size:]


def messy_input(dice: random.Random) -> bytes:
    good = [
        line(f"r-{dice.randrange(40)}", body=body(messages="ä€😀" * dice.randrange(9))) for _ in range(20)
    ]
    bad = [b"{", b"", b"  ", b"\xff", b"\xef\xbb\xbf", b"null", bytes(dice.randbytes(30)), line(..., url=1)]
    bad += [line("r-1", body=body(model="gpt-b")), line("r-2", body=body(stream=True))]
    chosen = dice.choices(good + bad, weights=[8] * len(good) + [1] * len(bad), k=dice.randrange(60))
    return b"".join(part + dice.choice([b"\n", b"\r\n"]) for part in chosen)[: dice.randrange(1, 9_000)]


@pytest.mark.parametrize("seed", range(40))
def test_where_the_blocks_are_cut_makes_no_difference(inspect: Inspect, seed: int) -> None:
    dice = dice_of(seed)
    content = messy_input(dice)
    whole, in_pieces = inspect(content), inspect(*cut(content, dice))
    assert list(in_pieces.problems()) == list(whole.problems())
    assert (in_pieces.lines, in_pieces.model, in_pieces.shards) == (whole.lines, whole.model, whole.shards)


@pytest.mark.parametrize("seed", range(40))
def test_the_verdict_agrees_with_reading_the_lines_one_by_one(inspect: Inspect, seed: int) -> None:
    content = messy_input(dice_of(seed))
    numbered = [(n, text) for n, text in enumerate(content.split(b"\n"), 1) if text.strip()]
    inspection = inspect(content)
    unparseable = {n for n, text in numbered if not is_json_object(text)}
    reported = {problem.line for problem in inspection.problems() if problem.code == "invalid_json_line"}
    assert reported == unparseable
    assert inspection.lines == len(numbered)


def is_json_object(text: bytes) -> bool:
    try:
        return isinstance(json.loads(text.decode("utf-8")), dict)
    except ValueError:
        return False


def test_a_line_that_is_accepted_can_be_read_by_whoever_is_called_by_more_functions(inspect: Inspect) -> None:
    def called_by(callers: int, chunk: bytes) -> int:
        return called_by(callers - 1, chunk) if callers else len(list(read_requests(chunk, first_index=0)))

    accepted, refused = [], []
    for depth in range(300, 1_300, 20):
        nested = b"[" * depth + b"]" * depth
        deep = line().replace(b'"messages":', b'"deep": ' + nested + b', "messages":')
        problems = list(inspect(line("good"), b"\n", deep).problems())
        if problems:
            assert [problem.message for problem in problems] == ["This line is nested too deeply to be read."]
            refused.append(depth)
        else:
            assert called_by(100, deep) == 1
            accepted.append(depth)
    assert accepted
    assert refused
    assert max(accepted) < min(refused)
