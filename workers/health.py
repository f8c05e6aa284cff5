"""Whether a worker lives, and whether what it stands on is there. Open to everyone, so without secrets."""

from collections.abc import Mapping

from aiohttp import web
from temporalio.client import Client

from overnight.catalog import Catalog
from overnight.domain.errors import OvernightError
from overnight.health.parts import Check, Draining, states_of, status_of
from overnight.health.recent import RecentCheck
from overnight.storage.protocol import Storage
from workflows.runs import BatchRuns


class NotPolling(OvernightError):
    """The worker takes nothing from its queues yet."""


class WorkerHealth:
    """Answers as a gateway does, at the same paths."""

    def __init__(self, *, client: Client, catalog: Catalog, storage: Storage, draining: Draining) -> None:
        self._checks: Mapping[str, Check] = {
            "temporal": BatchRuns(client).check,
            "catalog": catalog.check,
            "storage": RecentCheck(storage.check),
            "queues": self._check_polling,
        }
        self._draining = draining
        self._polls = False

    def polls(self) -> None:
        """From now on the worker takes what is on its queues."""
        self._polls = True

    def add_to(self, application: web.Application) -> None:
        """Serve it there."""
        for path in ("/health/liveness", "/health/liveliness"):
            application.router.add_get(path, self._alive)
        application.router.add_get("/health/readiness", self._ready)

    async def _check_polling(self) -> None:
        if not self._polls:
            raise NotPolling

    async def _alive(self, _: web.Request) -> web.Response:
        # That the loop has come to this is what it says: a process that is stopped or stuck does not answer.
        return web.json_response({"status": "alive"})

    async def _ready(self, _: web.Request) -> web.Response:
        parts = await states_of(self._checks)
        status = status_of(parts, self._draining)
        return web.json_response({"status": status, "parts": parts}, status=200 if status == "ready" else 503)
