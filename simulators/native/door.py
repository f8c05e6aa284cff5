"""The door behind the counter: what tests look at, and where they say what is to go wrong.

    GET    /_simulator                   all of it; /jobs, /files and /calls for a part
    POST   /_simulator/faults            {"verb": "batches.create", "kind": …}, {"job": {"expire_at": 0.5}}
    DELETE /_simulator/faults            nothing goes wrong any more
    POST   /_simulator/jobs/{id}         {"stuck_at": 0.5}: a fate for a job that is there
    POST   /_simulator/jobs/{id}/cancel  somebody else cancels it
    POST   /_simulator/clock             {"advance_seconds": 86400}, {"now": 2082758400} or {"speed": 60}
    POST   /_simulator/rules             {"key": "sk-new"}
    POST   /_simulator/down              {"seconds": 5, "how": "refuse"}, or "503"; without seconds, until /up
    POST   /_simulator/up
    POST   /_simulator/reset             as it was at the start, but for the clock

An order that is not understood is a 400, one for a job that is not there a 404. `/faults` takes a list, too.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from typing import Any

from aiohttp import web

from simulators.answers import error
from simulators.native.api import Api
from simulators.native.desk import Desk
from simulators.native.faults import CallFault, Fate
from simulators.native.files import StoredFile
from simulators.native.jobs import Job, Status
from simulators.native.listener import Listener
from simulators.native.refusals import Refusal
from simulators.native.shapes import Json
from simulators.native.webhooks import Webhooks

_ROOT = "/_simulator"
_SECRETS = {"key", "token", "webhook_secret"}


class Door:
    """The control door of one simulator, which can be hung into several apps.

    `stays_open`: one of them is served while the provider is down.
    """

    def __init__(
        self, desk: Desk, api: Api, webhooks: Webhooks, listener: Listener, *, stays_open: bool
    ) -> None:
        self._desk = desk
        self._api = api
        self._webhooks = webhooks
        self._listener = listener
        self._stays_open = stays_open
        self._first_rules = desk.rules

    def add_to(self, app: web.Application) -> None:
        """Hang the door into an app."""
        reads: dict[str, Callable[[], object]] = {
            "": self._all,
            "/jobs": self._jobs,
            "/files": self._files,
            "/calls": self._calls,
        }
        for path, read in reads.items():
            app.router.add_get(_ROOT + path, _reading(read))
        orders: dict[str, Callable[[web.Request, Any], Awaitable[None]]] = {
            "/faults": self._set_faults,
            "/jobs/{id}": self._set_fate,
            "/jobs/{id}/cancel": self._cancel,
            "/clock": self._set_clock,
            "/rules": self._set_rules,
            "/down": self._go_down,
            "/up": self._come_up,
            "/reset": self._reset,
        }
        for path, order in orders.items():
            app.router.add_post(_ROOT + path, _obeying(order))
        app.router.add_delete(f"{_ROOT}/faults", _obeying(self._clear_faults))

    def _all(self) -> Json:
        rules = asdict(self._desk.rules)
        return {
            "provider": self._desk.shapes.facts.name,
            "now": self._desk.clock.now(),
            "speed": self._desk.clock.speed,
            "rules": {name: value for name, value in rules.items() if name not in _SECRETS},
            "jobs": self._jobs(),
            "files": self._files(),
            "files_deleted": self._desk.shelf.deleted,
            "calls": self._calls(),
            "webhooks": self._webhooks.sent(),
        }

    def _jobs(self) -> list[Json]:
        self._desk.settle()
        now = self._desk.clock.now()
        return [_job(job, now=now) for job in self._desk.jobs.values()]

    def _files(self) -> list[Json]:
        self._desk.settle()
        return [_file(stored) for stored in self._desk.shelf.present(now=self._desk.clock.now())]

    def _calls(self) -> Json:
        return dict(self._api.calls)

    async def _set_faults(self, _request: web.Request, said: Any) -> None:  # noqa: ANN401 - JSON
        for each in said if isinstance(said, list) else [said]:
            set_fault(self._desk, each)

    async def _clear_faults(self, _request: web.Request, _said: object) -> None:
        self._desk.faults.clear()

    async def _set_fate(self, request: web.Request, said: Any) -> None:  # noqa: ANN401 - JSON
        job = self._desk.job(request.match_info["id"])
        if job.ends_at <= self._desk.clock.now():
            raise ValueError("it has ended")
        job.meet(Fate.from_json(said))

    async def _cancel(self, request: web.Request, _said: object) -> None:
        self._desk.cancel(request.match_info["id"], by="the control door")

    async def _set_clock(self, _request: web.Request, said: Any) -> None:  # noqa: ANN401 - JSON
        clock = self._desk.clock
        steps = {"advance_seconds": clock.advance, "now": clock.put_to, "speed": clock.run_at}
        for name, value in said.items():
            steps[name](float(value))

    async def _set_rules(self, _request: web.Request, said: Any) -> None:  # noqa: ANN401 - JSON
        self._desk.rules = self._desk.rules.changed(said)

    async def _go_down(self, _request: web.Request, said: Any) -> None:  # noqa: ANN401 - JSON
        how, seconds = said.get("how", "refuse"), said.get("seconds")
        if how not in {"refuse", "503"}:
            raise ValueError("how is refuse or 503")
        if how == "503":
            self._api.be_down(seconds)
        elif seconds is None and not self._stays_open:
            raise ValueError("without a control port nobody could say that it is to come up again")
        else:
            self._listener.be_down(seconds)

    async def _come_up(self, _request: web.Request, _said: object) -> None:
        self._api.come_up()
        self._listener.stay()
        await self._listener.come_up()

    async def _reset(self, request: web.Request, said: object) -> None:
        await self._come_up(request, said)
        self._desk.forget()
        self._desk.rules = self._first_rules
        self._api.calls.clear()
        self._webhooks.forget()


def set_fault(desk: Desk, said: Json) -> None:
    """Set one fault as the door has it: a fate under `job`, or else a fault of calls. Raises ValueError."""
    if "job" not in said:
        desk.faults.add(CallFault.from_json(said))
        return
    unknown = set(said) - {"job", "skip", "times"}
    if unknown:
        raise ValueError(f"a fault of jobs has no {sorted(unknown)}")
    desk.faults.doom(Fate.from_json(said["job"]), skip=said.get("skip", 0), times=said.get("times"))


def _job(job: Job, *, now: float) -> Json:
    last = job.snapshot(now)
    return {
        "id": job.id,
        "status": last.status.value,
        "is_cancelled": job.cancel_at is not None,
        "cancelled_by": job.cancelled_by,
        "metadata": job.metadata,
        "model": job.scan.model,
        "endpoint": job.endpoint,
        "input_file_id": job.input_file_id,
        "output_file_id": job.output_file_id,
        "error_file_id": job.error_file_id,
        "lines": job.scan.lines,
        "tokens": job.scan.tokens,
        "completed": last.completed,
        "failed": last.failed,
        "problems": [problem.kind.value for problem in job.problems],
        "fate": job.fate.as_json(),
        "at": {status.value: last.at[status] for status in Status if status in last.at},
    }


def _file(stored: StoredFile) -> Json:
    return {
        "id": stored.id,
        "filename": stored.filename,
        "purpose": stored.purpose,
        "bytes": stored.size,
        "created_at": stored.created_at,
        "expires_at": stored.expires_at,
        "job": stored.job_id,
    }


def _reading(read: Callable[[], object]) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(_request: web.Request) -> web.Response:
        return web.json_response(read())

    return serve


def _obeying(
    order: Callable[[web.Request, Any], Awaitable[None]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def serve(request: web.Request) -> web.Response:
        try:
            await order(request, json.loads(await request.read() or b"{}"))
        except Refusal as refusal:
            return web.json_response(error(f"no such thing: {refusal}"), status=404)
        except (AttributeError, KeyError, TypeError, ValueError) as problem:
            return web.json_response(error(f"not understood: {problem}"), status=400)
        return web.json_response({"ok": True})

    return serve
