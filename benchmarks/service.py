"""Overnight beside LiteLLM's proxy, as the service that clients call: polls, a crowd, uploads, creates.

    .venv/bin/python -m benchmarks.service [polls|crowd|uploads|creates] --rounds 5

`overnight serve` (gateway, worker, embedded Temporal), LiteLLM's proxy as it starts by default (one process,
no database, OpenAI's files and batches passed through) and `overnight simulate openai` behind both run in
processes of their own, each with a master key and its log as it is by default. The first run installs LiteLLM
in the user's cache folder. All take turns, the provider called directly too: the floor of whoever asks it.

They do not do the same. LiteLLM asks the provider for each call, and an upload is there once it is answered.
Overnight answers polls from its own rows, keeps the file on its disk (fsync), and a create starts a durable
workflow, which uploads, submits and polls after the answer: the CPU of creates is counted until the provider
has the batch. CPU is of all processes of a service; memory is of the one that answers.

On 2 cores that others used, too, at a load of 4 to 8, LiteLLM 1.108.7, medians of 3 turns. In brackets is the
ratio's spread, turn by turn:

    poll             3.3 ms, p95 12.6, CPU 3.2 ms     82 ms, p95 207, CPU 47 ms     CPU 0.07 (0.07 to 0.08)
    200 clients      101/s, p95 3.1 s, CPU 3.9 ms     5.8/s, p95 42 s, CPU 56 ms    CPU 0.08 (0.05 to 0.08)
    upload, 72 MB    76 MB/s, CPU 2.1 ms a MB         18 MB/s, CPU 14 ms a MB       MB/s 4.5 (4.0 to 7.1)
    upload, 200 MB   226 MB/s, CPU 1.7 ms a MB        33 MB/s, CPU 8.9 ms a MB      MB/s 6.9 (5.1 to 7.1)
    its memory       205 MB, grown by 13 MB           681 MB, grown by 5 MB         0.30
    create, at rest  26.5 ms, p95 45                  59.5 ms, p95 98               median 0.48 (0.42 to 0.50)
    CPU of it        506 ms, the gateway's 11 ms      59 ms                         8.7, 0.19 (0.16 to 0.23)
    create, in turn  28.9 ms, p95 66                  51.2 ms, p95 116              median 0.54 (0.34 to 0.56)

In turn they wait for what those before have set going on the same cores.
"""

import argparse
import asyncio
import os
import statistics
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import uvloop

from benchmarks.ingest import write_input
from benchmarks.native_lane import Provider
from benchmarks.service_load import Client, Figures, creates, crowd, one_by_one, upload
from benchmarks.service_rivals import LITELLM, Field, running

LINES = 50_000
"""What a provider takes in one file."""

LINE_BYTES = (1_380, 3_830)
"""Before what is escaped in JSON: 72 and 200 MB, the most that a provider takes."""

POLLS = 200
CREATES = 8
CLIENTS = 200
CROWD_SECONDS = 8.0
PAUSE_SECONDS = 0.2

WHAT = ("polls", "crowd", "uploads", "creates")
ENDED = ("failed", "expired", "cancelled")

Turn = Callable[[Client], Awaitable[Figures]]


class Contest:
    """Rivals that take turns at one thing after another."""

    def __init__(self, clients: Sequence[Client], provider: Provider, folder: Path, *, rounds: int) -> None:
        self._clients = clients
        self._provider = provider
        self._folder = folder
        self._rounds = rounds
        self._files: dict[str, str] = {}
        self._batches: dict[str, str] = {}

    async def warm_up(self) -> None:
        """Give each of them a file and a batch that its provider works on, and call it some times."""
        path = self._folder / "small.jsonl"
        write_input(path, lines=3, line_bytes=300)
        for client in self._clients:
            name = client.rival.name
            self._files[name] = await client.upload(path)
            self._batches[name] = await client.create(self._files[name])
            await until_it_is(client, self._batches[name], "in_progress")
            await one_by_one(client, lambda client=client: self._poll(client), count=POLLS // 5)

    async def polls(self) -> None:
        """Ask for a batch, one call after the other."""
        await self._compare(
            f"GET /v1/batches/{{id}}, {POLLS} in turn",
            lambda client: one_by_one(client, lambda: self._poll(client), count=POLLS),
        )

    async def crowd(self) -> None:
        """Have many ask for a batch at once."""
        await self._compare(
            f"GET /v1/batches/{{id}}, {CLIENTS} clients at once",
            lambda client: crowd(
                client, self._batches[client.rival.name], clients=CLIENTS, seconds=CROWD_SECONDS
            ),
        )

    async def uploads(self) -> None:
        """Upload files as large as a provider takes."""
        at_rest = {client.rival.name: client.rival.resident() for client in self._clients}
        for line_bytes in LINE_BYTES:
            path = self._folder / f"{line_bytes}.jsonl"
            write_input(path, lines=LINES, line_bytes=line_bytes)
            await self._compare(
                f"POST /v1/files, {path.stat().st_size / 1e6:.0f} MB",
                lambda client, path=path: upload(client, path, at_rest=at_rest[client.rival.name]),
            )

    async def creates(self) -> None:
        """Create batches, and let them end before the next one's turn."""
        for at_rest, how in ((True, "each when the provider has the one before"), (False, "in turn")):
            await self._compare(f"POST /v1/batches, {CREATES}, {how}", partial(self._create, at_rest=at_rest))

    async def _create(self, client: Client, *, at_rest: bool) -> Figures:
        before, created = await self._at_provider(), list[str]()

        async def create() -> None:
            created.append(await client.create(self._files[client.rival.name]))

        async def at_provider(more: int) -> None:
            while await self._at_provider() < before + more:  # noqa: ASYNC110 - seen over HTTP alone
                await asyncio.sleep(PAUSE_SECONDS)

        figures = await creates(client, create, count=CREATES, at_provider=at_provider, at_rest=at_rest)
        await asyncio.to_thread(self._provider.end_all)
        for batch_id in created:
            await until_it_is(client, batch_id, "completed")
        return figures

    async def _at_provider(self) -> int:
        jobs = await asyncio.to_thread(self._provider.jobs)
        return sum(job["status"] == "in_progress" for job in jobs)

    async def _poll(self, client: Client) -> str:
        return await client.poll(self._batches[client.rival.name])

    async def _compare(self, what: str, turn: Turn) -> None:
        found: dict[str, list[Figures]] = {client.rival.name: [] for client in self._clients}
        for number in range(self._rounds):
            for client in self._clients[:: -1 if number % 2 else 1]:
                found[client.rival.name].append(await turn(client))
        report(what, found)


async def until_it_is(client: Client, batch_id: str, status: str) -> None:
    """Wait for a batch's status."""
    while (found := await client.poll(batch_id)) != status:
        assert found not in ENDED, f"{client.rival.name}: {batch_id} is {found}"
        await asyncio.sleep(PAUSE_SECONDS)


def report(what: str, found: Mapping[str, Sequence[Figures]]) -> None:
    """Print the medians of the turns and how far they spread, and the last two's ratios round by round."""
    heads = (*found, "ratio of the two")
    print(f"\n{what}\n  {'':24s}" + "".join(f"{head:>28s}" for head in heads))
    *_, ours, theirs = found.values()
    for figure in ours[0]:
        rows = [[turn[figure] for turn in turns] for turns in found.values()]
        rows.append([our[figure] / their[figure] for our, their in zip(ours, theirs, strict=True)])
        print(f"  {figure:24s}" + "".join(f"{spread(row):>28s}" for row in rows), flush=True)


def spread(values: Sequence[float]) -> str:
    """Return the median, and the least and the most in brackets."""
    middle, least, most = (
        f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
        for value in (statistics.median(values), min(values), max(values))
    )
    return f"{middle} ({least} to {most})"


async def compare(field: Field, folder: Path, what: Sequence[str], *, rounds: int) -> None:
    """Have them take turns at all that is asked for."""
    async with AsyncExitStack() as stack:
        clients = [Client(rival) for rival in (field.direct, *field.rivals)]
        for client in clients:
            stack.push_async_callback(client.close)
        contest = Contest(clients, field.provider, folder, rounds=rounds)
        await contest.warm_up()
        for each in what:
            await getattr(contest, each)()


def main() -> None:
    """Compare what the command line names, or all."""
    parser = argparse.ArgumentParser(description="Overnight as a service, beside LiteLLM's proxy")
    parser.add_argument("what", nargs="*", choices=[*WHAT, []])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--litellm", default=LITELLM, help="another release of it")
    asked = parser.parse_args()
    print(f"load before {os.getloadavg()[0]:.1f}, {asked.rounds} rounds")
    with TemporaryDirectory(prefix="overnight-service-") as name:
        folder = Path(name)
        with running(folder, litellm=asked.litellm) as field:
            uvloop.run(compare(field, folder, asked.what or WHAT, rounds=asked.rounds))
    print(f"\nload after {os.getloadavg()[0]:.1f}")


if __name__ == "__main__":
    main()
