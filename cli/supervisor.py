"""Child processes: started on a leash, started again when they die, stopped in order.

Each has a session of its own, so that Ctrl-C reaches the supervisor alone and nothing stops out of turn.
"""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Self

import structlog

from cli.lifeline import LIFELINE_VARIABLE

FIRST_DELAY = timedelta(seconds=0.5)
LONGEST_DELAY = timedelta(seconds=10)
STEADY_AFTER = timedelta(seconds=60)
"""A child that ran for so long did not die of what it died of before."""

STARTS_BEFORE_GIVING_UP = 4
"""How often a child that has never been ready may die."""

_LEASH = Path(__file__).with_name("leash.py")

_log = structlog.stdlib.get_logger(__name__)


class ChildFailed(Exception):
    """A child process can't be started."""


async def ready_at_once() -> None:
    """Take a program to be ready as soon as it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What a child runs. `become_ready` returns when it can be used; it is cancelled when the child dies.

    `descriptors` of ours are its own as well, under the same numbers.
    """

    name: str
    arguments: Sequence[str]
    grace: timedelta
    environment: Mapping[str, str] = field(default_factory=dict)
    become_ready: Callable[[], Awaitable[None]] = ready_at_once
    quiet: bool = False
    descriptors: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ties:
    """What binds children to this process: the pipe whose end they notice, and the lock they hold with it."""

    reading: int
    writing: int
    lock: int | None = None

    @classmethod
    def make(cls, *, lock: int | None = None) -> Self:
        """Open the pipe."""
        reading, writing = os.pipe()
        return cls(reading, writing, lock)

    @property
    def passed_on(self) -> tuple[int, ...]:
        """The descriptors that children inherit."""
        return (self.reading,) if self.lock is None else (self.reading, self.lock)

    def cut(self) -> None:
        """Close the pipe; the lock is its owner's."""
        os.close(self.reading)
        os.close(self.writing)


class Child:
    """One program, kept running until it is told to stop."""

    def __init__(self, program: Program, *, ties: Ties, started: Callable[[], None]) -> None:
        self.program = program
        self.pid: int | None = None
        self._ties = ties
        self._started = started
        self._process: Process | None = None
        self._ready = asyncio.Event()
        self._stopping = False
        self._keeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start it, and return when it is ready. Raises ChildFailed when it dies again and again before."""
        self._keeper = asyncio.create_task(self._keep())
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({self._keeper, ready}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if self._keeper.done():
            await self._keeper

    async def stop(self, *, hurry: asyncio.Event) -> None:
        """Stop it: SIGTERM, and SIGKILL for all that is left of it after its grace, or once in a hurry."""
        self._stopping = True
        if self._keeper is None:
            return
        process = self._process
        if process is None or process.returncode is not None:
            self._keeper.cancel()
        elif not await self._ends_by_itself(process, hurry=hurry):
            _log.warning("killing", child=self.program.name, pid=process.pid)
            _signal_group(process, signal.SIGKILL)
        await asyncio.wait({self._keeper})
        _log.info("child stopped", child=self.program.name)

    async def _ends_by_itself(self, process: Process, *, hurry: asyncio.Event) -> bool:
        _signal(process, signal.SIGTERM)
        ended, hurried = asyncio.create_task(process.wait()), asyncio.create_task(hurry.wait())
        grace = self.program.grace.total_seconds()
        await asyncio.wait({ended, hurried}, timeout=grace, return_when=asyncio.FIRST_COMPLETED)
        hurried.cancel()
        return ended.done()

    async def _keep(self) -> None:
        delay, deaths = FIRST_DELAY, 0
        loop = asyncio.get_running_loop()
        while not self._stopping:
            began = loop.time()
            code = await self._run_once()
            if self._stopping:
                return
            deaths += 1
            _log.warning("child died", child=self.program.name, exit_code=code)
            if deaths >= STARTS_BEFORE_GIVING_UP and not self._ready.is_set():
                raise ChildFailed(f"the {self.program.name} does not start (exit code {code})")
            if loop.time() - began > STEADY_AFTER.total_seconds():
                delay = FIRST_DELAY
            await asyncio.sleep(delay.total_seconds())
            delay = min(delay * 2, LONGEST_DELAY)

    async def _run_once(self) -> int:
        process = self._process = await self._spawn()
        self.pid = process.pid
        self._started()
        _log.info("child started", child=self.program.name, pid=process.pid)
        ended = asyncio.create_task(process.wait())
        readiness = asyncio.create_task(self._become_ready())
        try:
            await asyncio.wait({ended, readiness}, return_when=asyncio.FIRST_COMPLETED)
            if readiness.done():
                await readiness
            return await ended
        finally:
            readiness.cancel()

    async def _become_ready(self) -> None:
        await self.program.become_ready()
        self._ready.set()

    async def _spawn(self) -> Process:
        # The kernel's leash belongs to the thread that starts the child; this loop's is the main one.
        leash = (sys.executable, "-I", "-S", str(_LEASH), str(os.getpid()))
        return await asyncio.create_subprocess_exec(
            *leash,
            *self.program.arguments,
            stdin=DEVNULL,
            stdout=DEVNULL if self.program.quiet else None,
            env={**os.environ, **self.program.environment, LIFELINE_VARIABLE: str(self._ties.reading)},
            pass_fds=(*self._ties.passed_on, *self.program.descriptors),
            start_new_session=True,
        )


def _signal(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(number)


def _signal_group(process: Process, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(process.pid, number)
