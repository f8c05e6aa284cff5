"""What it costs to have many batches in flight at a provider: memory, CPU, and calls of its API.

    .venv/bin/python benchmarks/native_lane.py --batches 1000 --minutes 5

`overnight serve` (one worker, one gateway, the embedded Temporal) and `overnight simulate openai` run in
processes of their own, on loopback, in a folder that is removed. The jobs stand still for as long as is
measured; then the provider's clock is put forward, and all of them end at once.

On 2 shared cores, 1,000 batches of 3 lines: created in 33 s; all at the provider after 616 s (1.6 a second,
the worker and Temporal at 85% of a core each); then 527 MB (536 at most) and 29% of a core for the worker,
163 MB for the gateway, 413 MB and 45% for Temporal, 15.7 calls a second; all completed 329 s after their
end, and no file left 30 s later. A batch cost 1 create, 1 upload, 3.4 listings, 1 download, 2 deletions,
and its polls.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import httpx2
import psutil
from openai import OpenAI

MODEL = "night"
PARTS = ("worker", "gateway", "temporal")
CLIENTS = 8
"""How many create batches, and read their results, at once."""

JOB_SECONDS = 40_000
"""Of the provider's time: far longer than is measured, and shorter than its 24 hours."""

UNTIL_SELDOM_SECONDS = 180
"""After how long a job is looked at as seldom as it ever is."""

GIVE_UP_SECONDS = 1_200
SAMPLE_SECONDS = 2

Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process and its children have at one moment: bytes resident, and CPU seconds so far."""

    rss: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class Steady:
    """What was seen while nothing happened but polling: samples by part, calls by verb, seconds."""

    samples: Mapping[str, Sequence[Sample]]
    calls: Counter[str]
    seconds: float


class House:
    """The running `serve`: its gateway and its three processes."""

    def __init__(self, folder: Path, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self.client = OpenAI(base_url=f"{self.origin}/v1", api_key="sk-1234", timeout=120)
        self._folder = folder

    def is_ready(self) -> bool:
        """Tell whether batches can be created."""
        return answers(f"{self.origin}/health/readiness")

    def create(self, number: int, *, lines: int) -> str:
        """Upload a file, create its batch, and return the batch's id."""
        content = b"".join(request_line(number, line) for line in range(lines))
        file = self.client.files.create(file=(f"{number}.jsonl", content), purpose="batch")
        batch = self.client.batches.create(
            input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        return batch.id

    def statuses(self) -> Counter[str]:
        """Count the batches by status."""
        return Counter(batch.status for batch in self.client.batches.list(limit=100))

    def answers(self, batch_id: str) -> list[str]:
        """Return the custom_ids of the lines of a batch that were answered, in order."""
        batch = self.client.batches.retrieve(batch_id)
        assert batch.output_file_id is not None, f"{batch_id} has no output"
        content = self.client.files.content(batch.output_file_id).text
        return [json.loads(line)["custom_id"] for line in content.splitlines()]

    def sample(self) -> dict[str, Sample]:
        """Look at the three processes."""
        running = json.loads((self._folder / ".overnight" / "serve.json").read_text())
        return {part: sampled(running["children"][part]) for part in PARTS}


class Provider:
    """The simulated provider's control door."""

    def __init__(self, port: int) -> None:
        self.origin = f"http://127.0.0.1:{port}"
        self._door = httpx2.Client(base_url=f"{self.origin}/_simulator", timeout=120)

    def is_ready(self) -> bool:
        """Tell whether it answers."""
        return answers(f"{self.origin}/_simulator/calls")

    def jobs(self) -> list[dict[str, Any]]:
        """Return every job there ever was."""
        return list(self._look("/jobs"))

    def files(self) -> int:
        """Return how many files there are."""
        return len(self._look("/files"))

    def calls(self) -> Counter[str]:
        """Return how often each verb was asked for so far."""
        return Counter(self._look("/calls"))

    def end_all(self) -> None:
        """Put its clock forward to when every job has ended."""
        order = {"advance_seconds": JOB_SECONDS + 60}
        self._door.post("/clock", json=order).raise_for_status()

    def _look(self, path: str) -> Any:  # noqa: ANN401 - JSON
        return self._door.get(path).raise_for_status().json()


def request_line(number: int, line: int) -> bytes:
    """Return a chat request."""
    body = {"model": MODEL, "messages": [{"role": "user", "content": f"Say {number} and {line}."}]}
    return json.dumps(custom(number, line) | {"body": body}).encode() + b"\n"


def custom(number: int, line: int) -> dict[str, Any]:
    """Return what stands around a request."""
    return {"custom_id": f"{number}-{line}", "method": "POST", "url": "/v1/chat/completions"}


def sampled(pid: int) -> Sample:
    """Look at a process and at what it has started."""
    process = psutil.Process(pid)
    rss, cpu = 0, 0.0
    for each in (process, *process.children(recursive=True)):
        times = each.cpu_times()
        rss += each.memory_info().rss
        cpu += times.user + times.system
    return Sample(rss, cpu)


@contextmanager
def running(folder: Path) -> Iterator[tuple[House, Provider]]:
    """Start both and wait until they are ready; stop them in the end, whatever happened."""
    provider_port, port, temporal_port, ui_port = free_ports(4)
    entry = {
        "model_name": MODEL,
        "litellm_params": {
            "model": "openai/gpt-4o-mini",
            "api_base": f"http://127.0.0.1:{provider_port}/v1",
            "api_key": "sk-simulated",
            "batch_lane": "native",
        },
    }
    (folder / "config.yaml").write_text(json.dumps({"model_list": [entry]}))
    house, provider = House(folder, port), Provider(provider_port)
    simulate = ("simulate", "openai", "--port", provider_port, "--seconds", JOB_SECONDS)
    ports = ("--port", port, "--temporal-port", temporal_port, "--temporal-ui-port", ui_port)
    serve = ("serve", "--config", "config.yaml", *ports)
    with ExitStack() as stack:
        for command, ready in ((simulate, provider.is_ready), (serve, house.is_ready)):
            process = stack.enter_context(overnight(*map(str, command), folder=folder))
            until(ready, process=process)
        yield house, provider


@contextmanager
def overnight(*arguments: str, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the `overnight` command in a folder, with its log there."""
    command = [str(Path(sys.executable).with_name("overnight")), *arguments]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
    with started(command, folder=folder, log=f"{arguments[0]}.log", env=clean) as process:
        yield process


@contextmanager
def started(
    command: Sequence[str], *, folder: Path, log: str, env: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command in a folder, with what it says in a file there, and end it in the end."""
    with (folder / log).open("wb") as said:
        process = subprocess.Popen(
            command, cwd=folder, env=env, stdout=said, stderr=said, stdin=subprocess.DEVNULL
        )
        try:
            yield process
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(60)
            except subprocess.TimeoutExpired:
                # What `serve` has started notices by itself that it is gone.
                process.kill()
                process.wait()


def free_ports(count: int) -> list[int]:
    """Return ports nobody listens on now."""
    with ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind(("127.0.0.1", 0))
        return [probe.getsockname()[1] for probe in probes]


def answers(url: str) -> bool:
    """Tell whether a GET is a success."""
    try:
        return httpx2.get(url, timeout=5).status_code == 200
    except httpx2.HTTPError:
        return False


def until(
    condition: Callable[[], bool], *, process: subprocess.Popen[bytes] | None = None, pause: float = 0.2
) -> float:
    """Wait until it is so, and return how many seconds that took."""
    began = time.monotonic()
    while not condition():
        waited = time.monotonic() - began
        assert waited < GIVE_UP_SECONDS, f"still not so after {waited:.0f} s"
        assert process is None or process.poll() is None, "it has died"
        time.sleep(pause)
    return time.monotonic() - began


def watch(house: House, provider: Provider, *, seconds: float) -> Steady:
    """Look at the processes every few seconds, and at what the provider was asked meanwhile."""
    samples: dict[str, list[Sample]] = {part: [] for part in PARTS}
    began, before = time.monotonic(), provider.calls()
    while time.monotonic() - began < seconds:
        for part, sample in house.sample().items():
            samples[part].append(sample)
        time.sleep(SAMPLE_SECONDS)
    return Steady(samples, provider.calls() - before, time.monotonic() - began)


def check_answers(house: House, provider: Provider, batches: Sequence[str], *, lines: int) -> None:
    """Check that every batch has all its answers and exactly one job."""

    def check(number: int) -> None:
        wanted = [custom(number, line)["custom_id"] for line in range(lines)]
        found = house.answers(batches[number])
        assert found == wanted, f"{batches[number]} has {len(found)} of {lines} answers"

    in_parallel(check, len(batches))
    jobs = Counter(tag.partition(".")[0] for job in provider.jobs() for tag in job["metadata"].values())
    assert jobs == Counter(batches), f"{sum(jobs.values())} jobs of {len(jobs)} batches"


def in_parallel(work: Callable[[int], Found], count: int) -> list[Found]:
    """Do it for every number below `count`, a few at once."""
    with ThreadPoolExecutor(CLIENTS) as pool:
        return list(pool.map(work, range(count)))


def report_steady(steady: Steady, *, batches: int) -> None:
    """Print the processes' costs and the provider's calls."""
    print(f"  steady for {steady.seconds:.0f} s       memory      (most)        CPU")
    for part, samples in steady.samples.items():
        memory = [sample.rss / 1e6 for sample in samples]
        cpu = (samples[-1].cpu_seconds - samples[0].cpu_seconds) / steady.seconds
        print(f"    {part:18s} {mean(memory):6.0f} MB  ({max(memory):4.0f} MB)  {cpu:6.1%} of a core")
    for verb, count in steady.calls.most_common():
        rate = count / steady.seconds
        print(f"    {verb:18s} {rate:6.2f} calls/s, one for each {batches / rate:.0f} batches")


def report_calls(when: str, calls: Counter[str], *, batches: int) -> None:
    """Print how many calls a batch has cost."""
    each = ", ".join(f"{verb} {count / batches:.2f}" for verb, count in sorted(calls.items()))
    print(f"  calls a batch, {when}: {each}")


def measure(house: House, provider: Provider, *, batches: int, lines: int, seconds: float) -> None:
    """Have them all in flight, watch, let them end, and check what came of them."""
    began = time.monotonic()
    ids = in_parallel(lambda number: house.create(number, lines=lines), batches)
    print(f"  created              {time.monotonic() - began:6.0f} s")
    until(lambda: Counter(job["status"] for job in provider.jobs())["in_progress"] >= batches, pause=1)
    print(f"  all at the provider  {time.monotonic() - began:6.0f} s")
    until(lambda: house.statuses()["in_progress"] == batches, pause=2)
    print(f"  all in_progress      {time.monotonic() - began:6.0f} s", flush=True)
    report_calls("to get there", submitted := provider.calls(), batches=batches)
    time.sleep(UNTIL_SELDOM_SECONDS)
    report_steady(watch(house, provider, seconds=seconds), batches=batches)
    before = provider.calls()
    provider.end_all()
    print(f"  all completed        {until(lambda: house.statuses()['completed'] == batches, pause=2):6.0f} s")
    print(f"  no file left after   {until(lambda: provider.files() == 0, pause=1):6.0f} s more", flush=True)
    report_calls("to end", provider.calls() - before, batches=batches)
    assert submitted["batches.create"] == batches, "a job was created twice"
    check_answers(house, provider, ids, lines=lines)
    print("  every batch has its answers, and had one job")


def main() -> None:
    """Measure as the command line asks for."""
    parser = argparse.ArgumentParser(description="the native lane's cost with many batches in flight")
    parser.add_argument("--batches", type=int, default=1_000)
    parser.add_argument("--lines", type=int, default=3)
    parser.add_argument("--minutes", type=float, default=5, help="how long the steady state is watched")
    asked = parser.parse_args()
    load = os.getloadavg()[0]
    print(f"native lane: {asked.batches:,} batches of {asked.lines} lines at once; load before {load:.1f}")
    with TemporaryDirectory(prefix="overnight-native-") as folder, running(Path(folder)) as (house, provider):
        seconds = asked.minutes * 60
        measure(house, provider, batches=asked.batches, lines=asked.lines, seconds=seconds)
    print(f"  load after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
