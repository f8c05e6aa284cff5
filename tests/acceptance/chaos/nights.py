"""A night: batches are ordered, disasters happen, and in the morning all is well."""

import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.acceptance.chaos.disasters import Happenings, drawn
from tests.acceptance.chaos.fleet import WholeFleet
from tests.acceptance.chaos.work import Work
from tests.acceptance.command_line import environment
from tests.acceptance.native import Provider
from tests.acceptance.parts import Part, Process
from tests.ports import free_port
from tests.postgres import Postgres

ANSWER_SECONDS = 0.1
"""How long a line takes, so that there is always something in flight."""

JOB_SECONDS = 100
"""How long a provider's job takes, by its own clock, which is fast."""


class Endpoint(Process):
    """The endpoint simulator, which keeps nothing: what it had in flight when it died is lost."""

    def __init__(self, folder: Path) -> None:
        port = free_port()
        self.base_url = f"http://127.0.0.1:{port}/v1"
        command = [sys.executable, "-m", "simulators.endpoint", "--port", str(port)]
        super().__init__(
            "endpoint", [*command, "--delay", str(ANSWER_SECONDS)], folder=folder, environ=environment()
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """A fleet that stands, with the world outside it, of which the endpoint may suffer, too."""

    folder: Path
    fleet: WholeFleet
    endpoint: Endpoint
    openai: Provider

    @property
    def parts(self) -> Sequence[Part]:
        """All that disasters befall. The provider is spared: it keeps its jobs in memory."""
        return [*self.fleet.parts, self.endpoint]


@contextmanager
def standing_fleet(folder: Path) -> Iterator[Standing]:
    """Start everything, in `folder`."""
    endpoint = Endpoint(folder)
    endpoint.start()
    try:
        with (
            Provider("openai", "--seconds", str(JOB_SECONDS)) as provider,
            Postgres() as postgres,
            WholeFleet(
                folder, postgres=postgres, openai=provider.origin, endpoint=endpoint.base_url
            ) as fleet,
        ):
            yield Standing(folder, fleet, endpoint, provider)
    finally:
        endpoint.kill()


def one_night(standing: Standing, *, seed: int) -> None:
    """Order forty batches while everything is killed, frozen and restarted; check them in the morning."""
    print(f"the seed is {seed}", flush=True)  # noqa: T201 - so that a night that fails can be had again
    fleet = standing.fleet
    work = Work(fleet, standing.folder, name=f"night-{seed}")
    disasters = drawn(seed, [part.name for part in standing.parts])
    happenings = Happenings(standing.parts)
    happening = threading.Thread(target=happenings.go_through, args=(disasters,))
    happening.start()
    try:
        ordered = work.order()
    finally:
        happening.join()
    happenings.raise_failure()
    batches = work.finished(ordered)
    work.assert_all_is_well(ordered, batches, standing.openai)
