"""What a line becomes when the endpoint answers, well or badly."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from overnight.domain.endpoint import Endpoint
from overnight.domain.usage import Counts, Usage
from overnight.line_lane.lane import LineLane
from simulators.answers import identity_of
from simulators.faults import Fault, FaultKind
from tests.overnight.line_lane.workbench import BATCH, IMPATIENT, Workbench, body, raw, until


async def test_an_answer_is_passed_on_in_the_shape_of_openais_output_file(bench: Workbench) -> None:
    asked = body("What is a batch?")
    await bench.given(asked)
    await bench.run()
    line = await bench.only_answer()
    identity = identity_of(raw(asked))
    assert list(line) == ["id", "custom_id", "response", "error"]
    assert line["id"] == f"batch_req_{BATCH.removeprefix('batch_')}00000000"
    assert line["custom_id"] == "line-0"
    assert line["error"] is None
    assert line["response"]["status_code"] == 200
    assert line["response"]["request_id"] == f"req_{identity[:24]}"
    message = line["response"]["body"]["choices"][0]["message"]["content"]
    assert message == f"echo {identity[:16]}: What is a batch?"


async def test_usage_and_model_of_all_answers_are_added_up(bench: Workbench) -> None:
    await bench.given(body("one"), body("two words"))
    progress = await bench.run()
    sealed = await bench.seal()
    assert sealed.counts == Counts(2, 2, 0)
    assert sealed.usage == Usage(input=3, output=7)
    assert sealed.model == "my-model"
    assert progress.tokens == 10


@pytest.mark.parametrize(
    ("url", "content", "used"),
    [
        (Endpoint.COMPLETIONS, {"model": "m", "prompt": "a b"}, Usage(2, 0, 4)),
        (Endpoint.RESPONSES, {"model": "m", "input": "a b"}, Usage(2, 0, 4)),
        (Endpoint.EMBEDDINGS, {"model": "m", "input": ["a b", "c"]}, Usage(3, 0, 0)),
        (Endpoint.MODERATIONS, {"model": "m", "input": "a b"}, Usage()),
    ],
)
async def test_every_endpoint_is_served(
    bench: Workbench, url: Endpoint, content: dict[str, Any], used: Usage
) -> None:
    bench.url = url
    await bench.given(content)
    await bench.run()
    sealed = await bench.seal()
    assert sealed.counts == Counts(1, 1, 0)
    assert sealed.usage == used


async def test_the_body_goes_out_byte_for_byte_when_any_model_is_served(bench: Workbench) -> None:
    asked = body("é €", temperature=1.50)
    await bench.given(asked)
    await bench.run(model="*")
    assert bench.endpoint.arrivals_of(raw(asked)) == 1


async def test_the_deployments_model_replaces_the_one_clients_know(bench: Workbench) -> None:
    await bench.given(body("hello"))
    await bench.run(model="meta-llama/Llama-4")
    assert (await bench.only_answer())["response"]["body"]["model"] == "meta-llama/Llama-4"


async def test_the_deployments_key_is_sent_and_kept_out_of_sight(bench: Workbench) -> None:
    bench.endpoint.key = "sk-secret"
    await bench.given(body("hello"))
    progress = await bench.run(api_key="sk-secret", organization="org-1")
    assert progress.counts == Counts(1, 1, 0)


async def test_a_key_wins_over_credentials_in_the_url(bench: Workbench) -> None:
    bench.endpoint.key = "sk-secret"
    await bench.given(body("hello"))
    base = bench.endpoint.base_url.replace("http://", "http://user:password@")
    progress = await bench.run(api_key="sk-secret", api_base=base)
    assert progress.counts == Counts(1, 1, 0)


@pytest.mark.parametrize("kind", ["pretty", "chunked"])
async def test_a_pretty_or_chunked_answer_becomes_one_line(bench: Workbench, kind: str) -> None:
    await bench.given(body("hello", fault={"kind": kind}), body("other"))
    await bench.run()
    output, errors = await bench.results()
    assert [line["custom_id"] for line in output] == ["line-0", "line-1"]
    assert errors == []
    assert output[0]["response"]["body"]["choices"][0]["message"]["content"].endswith("hello")


async def test_requests_and_answers_larger_than_the_budget_still_come_through(bench: Workbench) -> None:
    size = 3 * 2**20
    fault = {"kind": "large", "bytes": size}
    await bench.given(*(body("x" * size, fault=fault) for _ in range(4)))
    async with LineLane(patience=IMPATIENT, bytes_in_flight=2**20) as bench.lane:
        progress = await bench.run()
    assert progress.counts == Counts(4, 4, 0)
    assert bench.endpoint.most_in_flight == 1
    output, _ = await bench.results()
    assert [len(line["response"]["body"]["padding"]) for line in output] == [size] * 4


async def test_a_large_answer_waits_for_room_among_the_other_large_ones(bench: Workbench) -> None:
    await bench.given(body("large", fault={"kind": "large", "bytes": 2 * 2**20}), body("small"))
    async with LineLane(patience=IMPATIENT, bytes_in_flight=4 * 2**20) as bench.lane:
        await bench.lane.answers.take(3 * 2**20)
        running = asyncio.create_task(bench.run())
        await until(lambda: bench.endpoint.arrivals.total() == 2)
        await asyncio.sleep(0.05)  # More than enough to read it, if it were read.
        assert not running.done()
        bench.lane.answers.give(3 * 2**20)
        assert (await running).counts == Counts(2, 2, 0)
        assert bench.lane.answers.take_now(4 * 2**20)


@pytest.mark.parametrize("status", [400, 404, 413, 422])
async def test_a_refused_line_is_an_error_at_once_in_the_endpoints_own_words(
    bench: Workbench, status: int
) -> None:
    asked = body("hello", fault={"status": status})
    await bench.given(asked)
    await bench.run()
    line = await bench.only_error()
    assert line["response"]["status_code"] == status
    assert line["response"]["body"]["error"]["message"] == f"Simulated {status}."
    assert line["error"] is None
    assert bench.endpoint.arrivals_of(raw(asked)) == 1


async def test_a_refusal_in_html_gets_openais_envelope(bench: Workbench) -> None:
    await bench.given(body("hello", fault={"kind": "html", "status": 404}))
    await bench.run()
    line = await bench.only_error()
    assert line["response"]["status_code"] == 404
    assert set(line["response"]["body"]["error"]) == {"message", "type", "param", "code"}
    assert "html" not in str(line)


async def test_a_redirect_is_not_followed(bench: Workbench) -> None:
    asked = body("hello", fault={"kind": "redirect"})
    await bench.given(asked)
    await bench.run()
    assert (await bench.only_error())["response"]["status_code"] == 307
    assert bench.endpoint.arrivals.total() == 1


@pytest.mark.parametrize(
    "fault",
    [
        {"status": 500},
        {"status": 408},
        {"status": 409},
        {"status": 504},
        {"status": 500, "retry_after": "0.01"},
        {"kind": "html", "status": 200},
        {"kind": "half_json"},
        {"kind": "drop_midway"},
    ],
)
async def test_what_may_pass_is_tried_again(bench: Workbench, fault: dict[str, Any]) -> None:
    asked = body("hello", fault={**fault, "times": 2})
    await bench.given(asked)
    await bench.run()
    assert (await bench.only_answer())["response"]["status_code"] == 200
    assert bench.endpoint.arrivals_of(raw(asked)) == 3


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        ({"status": 500}, 500, None),
        ({"kind": "html", "status": 500}, 500, None),
        ({"kind": "html", "status": 200}, 502, "invalid_response"),
        ({"kind": "half_json"}, 502, "invalid_response"),
        ({"kind": "drop_midway"}, 502, "connection_lost"),
    ],
)
async def test_what_does_not_pass_is_an_error_after_all_attempts(
    bench: Workbench, fault: dict[str, Any], status: int, code: str | None
) -> None:
    asked = body("hello", fault=fault)
    await bench.given(asked)
    await bench.run()
    line = await bench.only_error()
    assert line["response"]["status_code"] == status
    assert line["response"]["body"]["error"]["code"] == code
    assert bench.endpoint.arrivals_of(raw(asked)) == IMPATIENT.attempts


async def test_a_line_that_hangs_ends_as_a_timeout_after_all_attempts(bench: Workbench) -> None:
    asked = body("hello", fault={"kind": "hang"})
    await bench.given(asked, body("other"))
    await bench.run(timeout=timedelta(milliseconds=200))
    output, (line,) = await bench.results()
    assert [answered["custom_id"] for answered in output] == ["line-1"]
    assert line["response"] is None
    assert line["error"]["code"] == "request_timeout"
    assert "0.2 seconds" in line["error"]["message"]
    assert bench.endpoint.arrivals_of(raw(asked)) == IMPATIENT.attempts


async def test_a_slow_line_within_its_timeout_is_answered(bench: Workbench) -> None:
    bench.endpoint.faults.set(Fault(kind=FaultKind.DELAY, seconds=0.05))
    await bench.given(body("hello"))
    progress = await bench.run(timeout=timedelta(seconds=30))
    assert progress.counts == Counts(1, 1, 0)
