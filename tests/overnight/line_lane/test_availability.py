"""A deployment that is down is not a line that failed."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from overnight.domain.usage import Counts
from overnight.line_lane.lane import LineLane
from simulators.faults import Fault, FaultKind
from tests.overnight.line_lane.workbench import IMPATIENT, Workbench, body, raw, until


def waiting_on(bench: Workbench) -> str | None:
    sender = bench.lane.sender(bench.deployment(), endpoint=bench.url, batch_id="batch_any")
    return sender.waiting_on


async def test_an_endpoint_that_is_down_and_comes_up_costs_no_line(bench: Workbench) -> None:
    await bench.given(*(body(f"{n}") for n in range(30)))
    await bench.endpoint.go_down()
    running = asyncio.create_task(bench.run())
    await until(lambda: waiting_on(bench) == "endpoint refuses connections")
    await asyncio.sleep(10 * IMPATIENT.longest_probe.total_seconds())  # Many probes, all in vain.
    await bench.endpoint.come_up()
    assert (await running).counts == Counts(30, 30, 0)
    assert set(bench.endpoint.arrivals.values()) == {1}


async def test_an_endpoint_that_restarts_in_the_middle_costs_no_line(bench: Workbench) -> None:
    bench.endpoint.faults.set(Fault(kind=FaultKind.DELAY, seconds=0.01))
    await bench.given(*(body(f"{n}") for n in range(60)))
    running = asyncio.create_task(bench.run(max_parallel_requests=8))
    await until(lambda: bench.endpoint.arrivals.total() >= 20)
    await bench.endpoint.go_down()
    await until(lambda: waiting_on(bench) is not None)
    await bench.endpoint.come_up()
    assert (await running).counts == Counts(60, 60, 0)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault(kind=FaultKind.STATUS, status=503), "endpoint answers 503"),
        (Fault(kind=FaultKind.STATUS, status=502), "endpoint answers 502"),
        (Fault(kind=FaultKind.STATUS, status=429), "endpoint answers 429"),
        (Fault(kind=FaultKind.STATUS, status=403), "endpoint answers 403"),
        (Fault(kind=FaultKind.HTML, status=503), "endpoint answers 503"),
        (Fault(kind=FaultKind.DROP), "endpoint closes connections without an answer"),
        (Fault(kind=FaultKind.STATUS, status=503, retry_after="0.01"), "endpoint answers 503"),
    ],
)
async def test_a_sustained_refusal_pauses_the_chunk_and_uses_up_no_attempt(
    bench: Workbench, fault: Fault, reason: str
) -> None:
    bench.endpoint.faults.set(fault)
    await bench.given(*(body(f"{n}") for n in range(5)))
    running = asyncio.create_task(bench.run())
    await until(lambda: bench.endpoint.arrivals.total() > 10 * IMPATIENT.attempts)
    assert waiting_on(bench) == reason
    bench.endpoint.faults.set(None)
    assert (await running).counts == Counts(5, 5, 0)
    assert waiting_on(bench) is None


async def test_a_missing_key_pauses_the_chunk_until_the_endpoint_takes_it(bench: Workbench) -> None:
    bench.endpoint.key = "another"
    await bench.given(*(body(f"{n}") for n in range(3)))
    running = asyncio.create_task(bench.run(api_key="sk-secret"))
    await until(lambda: waiting_on(bench) == "endpoint answers 401")
    bench.endpoint.key = "sk-secret"
    assert (await running).counts == Counts(3, 3, 0)


async def test_only_one_probe_at_a_time_is_sent_to_an_endpoint_that_is_down(bench: Workbench) -> None:
    bench.endpoint.key = "another"
    await bench.given(*(body(f"{n}") for n in range(20)))
    running = asyncio.create_task(bench.run())
    await until(lambda: bench.endpoint.arrivals.total() >= 20)
    await until(lambda: bench.endpoint.in_flight == 0)
    bench.endpoint.most_in_flight = 0
    before = bench.endpoint.arrivals.total()
    await until(lambda: bench.endpoint.arrivals.total() >= before + 5)
    assert bench.endpoint.most_in_flight == 1
    bench.endpoint.key = None
    assert (await running).counts.completed == 20


async def test_what_is_waited_on_is_reported(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("overnight.line_lane.chunk.REPORT_INTERVAL", timedelta(milliseconds=5))
    await bench.endpoint.go_down()
    await bench.given(body("hello"))
    running = asyncio.create_task(bench.run(api_key="sk-secret"))
    await until(lambda: any(report.waiting_on for report in bench.reports))
    await bench.endpoint.come_up()
    await running
    assert {report.waiting_on for report in bench.reports} == {None, "endpoint refuses connections"}
    assert bench.reports[-1].waiting_on is None


async def test_a_name_that_does_not_resolve_is_waited_for(bench: Workbench) -> None:
    await bench.given(body("hello"))
    running = asyncio.create_task(bench.run(api_base="http://no-such-host.invalid/v1"))
    await until(lambda: waiting_on(bench) == "endpoint's name does not resolve")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_line_refused_while_others_are_answered_fails_after_all_attempts(bench: Workbench) -> None:
    poison = body("poison", fault={"status": 503})
    await bench.given(poison, *(body(f"{n}") for n in range(300)))
    # Longer than a machine that stands still takes for its attempts.
    async with LineLane(patience=replace(IMPATIENT, doubt=timedelta(seconds=5))) as bench.lane:
        progress = await bench.run(max_parallel_requests=2)
    assert progress.counts == Counts(301, 300, 1)
    _, (line,) = await bench.results()
    assert line["response"]["status_code"] == 503
    assert bench.endpoint.arrivals_of(raw(poison)) >= IMPATIENT.attempts


async def test_the_only_line_left_is_refused_for_good_once_it_is_beyond_doubt(bench: Workbench) -> None:
    await bench.given(body("first"), body("poison", fault={"status": 403}))
    bench.endpoint.faults.set(Fault(kind=FaultKind.STATUS, status=503, times=1))
    progress = await bench.run(max_parallel_requests=1)
    assert progress.counts == Counts(2, 1, 1)
    _, (line,) = await bench.results()
    assert line["response"]["status_code"] == 403


async def test_a_rate_limited_line_outlasts_its_attempts(bench: Workbench) -> None:
    fault = {"status": 429, "seconds": 0.01, "times": 3 * IMPATIENT.attempts}
    limited = body("limited", fault=fault)
    await bench.given(limited, *(body(f"{n}") for n in range(900)))
    patience = replace(IMPATIENT, rate_limit_doubt=timedelta(hours=1))
    async with LineLane(patience=patience) as bench.lane:
        progress = await bench.run(max_parallel_requests=4)
    assert progress.counts == Counts(901, 901, 0)


async def test_a_pause_the_endpoint_asks_for_is_kept_by_every_line(bench: Workbench) -> None:
    patience = replace(IMPATIENT, longest_retry_after=timedelta(seconds=0.5))
    fault = {"status": 429, "times": 1, "retry_after": "3600"}
    await bench.given(body("limited", fault=fault), *(body(f"{n}") for n in range(100)))
    async with LineLane(patience=patience) as bench.lane:
        running = asyncio.create_task(bench.run(max_parallel_requests=2))
        await until(lambda: waiting_on(bench) is not None)
        await asyncio.sleep(0.05)  # What was on its way has arrived.
        before = bench.endpoint.arrivals.total()
        await asyncio.sleep(0.2)  # Forty times the interval between probes.
        assert bench.endpoint.arrivals.total() == before < 101
        assert waiting_on(bench) is not None
        assert (await running).counts == Counts(101, 101, 0)


async def test_reasons_hold_neither_key_nor_address(bench: Workbench) -> None:
    await bench.endpoint.go_down()
    await bench.given(body("a private prompt"))
    base = bench.endpoint.base_url.replace("http://", "http://user:password@")
    running: asyncio.Task[Any] = asyncio.create_task(bench.run(api_base=base, api_key="sk-secret"))
    await until(lambda: waiting_on(bench) is not None)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert waiting_on(bench) == "endpoint refuses connections"
