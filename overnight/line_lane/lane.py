"""What one worker process has of the line lane: its connections, and each deployment's bounds and state."""

from types import TracebackType
from typing import Self
from weakref import WeakValueDictionary

import aiohttp

from overnight.domain.deployment import Deployment
from overnight.domain.endpoint import Endpoint
from overnight.line_lane.admission import Admission, Places
from overnight.line_lane.availability import Availability
from overnight.line_lane.budget import BYTES_IN_FLIGHT, ByteBudget
from overnight.line_lane.connections import open_connector, open_session
from overnight.line_lane.deadlines import Deadlines
from overnight.line_lane.held import HeldAnswers
from overnight.line_lane.meter import LineMeter
from overnight.line_lane.patience import Patience
from overnight.line_lane.sender import LineSender
from overnight.line_lane.transport import Transport

_ANY_MODEL = "*"


class LineLane:
    """Made once a process, since what bounds a deployment must hold over all its batches together.

    Use it in an event loop, and `close` it there. `bytes_in_flight` bounds the requests, and the same again
    the large answers, that are in memory at once.
    """

    def __init__(self, *, patience: Patience | None = None, bytes_in_flight: int = BYTES_IN_FLIGHT) -> None:
        self.requests = ByteBudget(bytes_in_flight)
        self.answers = ByteBudget(bytes_in_flight)
        self._patience = patience or Patience()
        self.held = HeldAnswers()
        self._connector: aiohttp.TCPConnector | None = None
        self._sessions: dict[Deployment, aiohttp.ClientSession] = {}
        self._deadlines: dict[Deployment, Deadlines] = {}
        self._admissions: dict[str, Admission] = {}
        self._availabilities: dict[str, Availability] = {}
        self._meters: dict[str, LineMeter] = {}
        self._crews: WeakValueDictionary[tuple[str, str], Places] = WeakValueDictionary()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        await self.close()

    def sender(self, deployment: Deployment, *, endpoint: Endpoint, batch_id: str) -> LineSender:
        """Return what sends the lines of one batch to one deployment."""
        return LineSender(
            transport=Transport(
                self._session(deployment),
                deployment,
                endpoint=endpoint,
                deadlines=self._deadlines.setdefault(deployment, Deadlines(deployment.timeout)),
            ),
            meter=self._meters.setdefault(deployment.id, LineMeter(deployment)),
            admission=self._admissions.setdefault(deployment.id, Admission(deployment)),
            availability=self._availabilities.setdefault(deployment.id, Availability(self._patience)),
            patience=self._patience,
            batch_id=batch_id,
            model=None if deployment.model == _ANY_MODEL else deployment.model,
            seconds=deployment.timeout.total_seconds(),
        )

    def crew(self, deployment: Deployment, *, batch_id: str) -> Places:
        """Return what bounds the senders of one batch to one deployment, over all its chunks.

        No more than can be busy at once: a chunk has all of them until it runs out of lines. So it is few
        chunks that are in the middle of their lines, and few parts that a checkpoint has to write.
        """
        # Even a deployment with a single place gets two, so that a line it refuses is not the only one to
        # find out with whether it answers others.
        senders = max(2, deployment.max_parallel_requests)
        return self._crews.setdefault((deployment.id, batch_id), Places(senders))

    async def close(self) -> None:
        """Close the connections. Senders can't be used any more."""
        for availability in self._availabilities.values():
            availability.close()
        for session in self._sessions.values():
            await session.close()
        if self._connector:
            await self._connector.close()

    def _session(self, deployment: Deployment) -> aiohttp.ClientSession:
        if deployment not in self._sessions:
            self._connector = self._connector or open_connector()
            self._sessions[deployment] = open_session(self._connector, deployment, self._patience)
        return self._sessions[deployment]
