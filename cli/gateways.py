"""Several gateways on one port: processes that accept from one socket, kept running by who opened it.

Nobody but the kernel decides who gets a connection, and what waits for a process that has died another one
takes. A scrape of the port gets to any of them, so each has a page of metrics of its own on loopback, and
whichever is asked puts all of them together. Those pages' ports are kept for them, since a process whose page
is somewhere else's would never be taken to be ready.
"""

import asyncio
import socket
from collections.abc import Coroutine, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Self

import httpx2
import structlog

from api.stopping import Stopping
from cli.ports import reserved, url_here
from cli.programs import part, stop_signals
from cli.supervisor import Child, ChildFailed, Program, Ties
from overnight.telemetry.exposition import Page
from workers.door import Door, serving

__all__ = ["ChildFailed", "Share", "serve_gateways"]

HOST = "127.0.0.1"
"""Where the processes' own pages are."""

_LOOK_AGAIN = timedelta(seconds=0.1)
_ANSWER_WITHIN = timedelta(seconds=5)

_log = structlog.stdlib.get_logger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """One process's share in a port: the socket, its own number from 1 on, and the ports of all pages."""

    listener: int
    number: int
    ports: tuple[int, ...]

    @classmethod
    def read(cls, written: str) -> Self:
        """Return what `str` has written."""
        listener, number, *ports = map(int, written.split(","))
        return cls(listener=listener, number=number, ports=tuple(ports))

    def __str__(self) -> str:
        return ",".join(map(str, (self.listener, self.number, *self.ports)))

    @property
    def name(self) -> str:
        """What the process is called, in logs and metrics."""
        return f"gateway-{self.number}"

    @property
    def own_page(self) -> str:
        """Where this process's own page of metrics is."""
        return f"http://{HOST}:{self.ports[self.number - 1]}/metrics"

    def pages_of_others(self, *, key: str | None) -> dict[str, Page]:
        """Return the pages of all but this one, by their names."""
        return {
            f"gateway-{number}": Page(f"http://{HOST}:{port}/metrics", key=key)
            for number, port in enumerate(self.ports, start=1)
            if number != self.number
        }

    async def beside_its_page(
        self, work: Coroutine[None, None, None], temporal: Page | None, *, key: str | None
    ) -> None:
        """Do `work` while the process's own page is served."""
        door = Door(
            host=HOST,
            port=self.ports[self.number - 1],
            reserved=True,
            key=key,
            temporal=temporal,
            process=self.name,
        )
        async with serving(door):
            await work


async def serve_gateways(
    processes: int, listener: socket.socket, stopping: Stopping, *, options: Sequence[str]
) -> None:
    """Keep so many gateways running until SIGTERM or Ctrl-C; then stop them, all at once.

    `options` are those of each. Raises ChildFailed when one does not start.
    """
    stop, hurry = stop_signals()
    ties = Ties.make()
    with ExitStack() as stack:
        ports = tuple(stack.enter_context(reserved(HOST)) for _ in range(processes))
        shares = [
            Share(listener=listener.fileno(), number=number, ports=ports)
            for number in range(1, processes + 1)
        ]
        url = url_here(*listener.getsockname()[:2])
        children = [
            Child(_program(share, url, stopping, options), ties=ties, started=lambda: None)
            for share in shares
        ]
        try:
            await _until_stopped(children, stop)
        finally:
            # Or what connects from now on would wait for an answer of nobody.
            listener.close()
            await asyncio.gather(*(child.stop(hurry=hurry) for child in children))
            ties.cut()


def _program(share: Share, url: str, stopping: Stopping, options: Sequence[str]) -> Program:
    return part(
        share.name,
        *("gateway", *options, "--share", str(share)),
        grace=stopping.ends_within,
        # On their port any of them may answer, so it is its own page that tells of this one.
        become_ready=partial(_answer, share.own_page, f"{url}/health/liveness"),
        descriptors=(share.listener,),
    )


async def _until_stopped(children: Sequence[Child], stop: asyncio.Event) -> None:
    starting = asyncio.create_task(_start(children))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        await starting
        _log.info("gateways ready", processes=len(children))
        await stopping
    starting.cancel()
    stopping.cancel()
    await asyncio.wait({starting, stopping})


async def _start(children: Sequence[Child]) -> None:
    # What keeps them from starting, such as an old schema, is then said by one of them and not by all.
    first, *others = children
    await first.start()
    await asyncio.gather(*(child.start() for child in others))


async def _answer(*urls: str) -> None:
    """Return once somebody answers there, whatever it is."""
    async with httpx2.AsyncClient(timeout=_ANSWER_WITHIN.total_seconds(), trust_env=False) as http:
        for url in urls:
            while not await _is_answered(http, url):  # noqa: ASYNC110 - it is in another process
                await asyncio.sleep(_LOOK_AGAIN.total_seconds())


async def _is_answered(http: httpx2.AsyncClient, url: str) -> bool:
    try:
        await http.get(url)
    except httpx2.HTTPError:
        return False
    return True
