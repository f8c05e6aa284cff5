"""Whether a worker lives, and whether what it stands on is there; what is wrong is not for everyone."""

from collections.abc import Callable

from aiohttp import web
from temporalio.client import Client

from overnight.catalog import Catalog
from overnight.domain.errors import OvernightError
from overnight.health.parts import Draining, Parts, in_brief, status_of
from overnight.health.recent import RecentCheck
from overnight.storage.protocol import Storage
from workflows.runs import BatchRuns


class NotPolling(OvernightError):
    """The worker takes nothing from its queues yet."""


class WorkerHealth:
    """Answers as a gateway does, at the same paths."""

    def __init__(self, *, client: Client, catalog: Catalog, storage: Storage, draining: Draining) -> None:
        self._parts = Parts(
            {
                "temporal": RecentCheck(BatchRuns(client).check),
                "catalog": RecentCheck(catalog.check),
                "storage": RecentCheck(storage.check),
                "queues": self._check_polling,
            }
        )
        self._draining = draining
        self._polls = False

    def polls(self) -> None:
        """From now on the worker takes what is on its queues."""
        self._polls = True

    def add_to(self, application: web.Application, *, may_know: Callable[[web.Request], bool]) -> None:
        """Serve it there. Who asks and `may_know` is told what is wrong, and others whether anything is."""

        async def ready(request: web.Request) -> web.Response:
            return await self._ready(knows=may_know(request))

        for path in ("/health/liveness", "/health/liveliness"):
            application.router.add_get(path, self._alive)
        application.router.add_get("/health/readiness", ready)

    async def _check_polling(self) -> None:
        if not self._polls:
            raise NotPolling

    async def _alive(self, _: web.Request) -> web.Response:
        # That the loop has come to this is what it says: a process that is stopped or stuck does not answer.
        return web.json_response({"status": "alive"})

    async def _ready(self, *, knows: bool) -> web.Response:
        parts = await self._parts.states()
        status = status_of(parts, self._draining)
        said = {"status": status, "parts": parts if knows else in_brief(parts)}
        return web.json_response(said, status=200 if status == "ready" else 503)
