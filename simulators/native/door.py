"""The door behind the counter: what tests look at, and where they say what is to go wrong.

    GET    /_simulator                   all of it; /jobs, /calls and so on for a part
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
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from typing import Any

from aiohttp import web

from simulators.answers import error
from simulators.native.faults import CallFault
from simulators.native.gate import Gate
from simulators.native.jobdesk import JobDesk, Part
from simulators.native.listener import Listener
from simulators.native.manner import Json
from simulators.native.refusals import Refusal

_ROOT = "/_simulator"
_SECRETS = {"key", "token", "webhook_secret"}


class Door:
    """The control door of one simulator, which can be hung into several apps.

    `stays_open`: one of them is served while the provider is down. `parts` are shown beside those of the
    desk, and a reset calls `forget`, too.
    """

    def __init__(
        self,
        desk: JobDesk[Any, Any],
        gate: Gate,
        listener: Listener,
        *,
        stays_open: bool,
        parts: Mapping[str, Part],
        forget: Callable[[], None],
    ) -> None:
        self._desk = desk
        self._gate = gate
        self._listener = listener
        self._stays_open = stays_open
        self._parts = {**desk.parts(), "calls": lambda: dict(gate.calls), **parts}
        self._forget = forget
        self._first_rules = desk.rules

    def add_to(self, app: web.Application) -> None:
        """Hang the door into an app."""
        app.router.add_get(_ROOT, self._reading(self._all))
        for name, part in self._parts.items():
            app.router.add_get(f"{_ROOT}/{name}", self._reading(part))
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
            app.router.add_post(_ROOT + path, self._obeying(order))
        app.router.add_delete(f"{_ROOT}/faults", self._obeying(self._clear_faults))

    def _all(self) -> Json:
        rules = asdict(self._desk.rules)
        return {
            "provider": self._desk.manner.name,
            "now": self._desk.clock.now(),
            "speed": self._desk.clock.speed,
            "rules": {name: value for name, value in rules.items() if name not in _SECRETS},
            **{name: part() for name, part in self._parts.items()},
        }

    def _reading(self, read: Part) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(_request: web.Request) -> web.Response:
            await self._desk.catch_up()
            return web.json_response(read())

        return serve

    def _obeying(
        self, order: Callable[[web.Request, Any], Awaitable[None]]
    ) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def serve(request: web.Request) -> web.Response:
            try:
                await self._desk.catch_up()
                await order(request, json.loads(await request.read() or b"{}"))
            except Refusal as refusal:
                return web.json_response(error(f"no such thing: {refusal}"), status=404)
            except (AttributeError, KeyError, TypeError, ValueError) as problem:
                return web.json_response(error(f"not understood: {problem}"), status=400)
            return web.json_response({"ok": True})

        return serve

    async def _set_faults(self, _request: web.Request, said: Any) -> None:  # noqa: ANN401 - JSON
        for each in said if isinstance(said, list) else [said]:
            set_fault(self._desk, each)

    async def _clear_faults(self, _request: web.Request, _said: object) -> None:
        self._desk.faults.clear()

    async def _set_fate(self, request: web.Request, said: Any) -> None:  # noqa: ANN401 - JSON
        job = self._desk.job(request.match_info["id"])
        if job.ends_at <= self._desk.clock.now():
            raise ValueError("it has ended")
        job.meet(self._desk.faults.fate(said))

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
            self._gate.be_down(seconds)
        elif seconds is None and not self._stays_open:
            raise ValueError("without a control port nobody could say that it is to come up again")
        else:
            self._listener.be_down(seconds)

    async def _come_up(self, _request: web.Request, _said: object) -> None:
        self._gate.come_up()
        self._listener.stay()
        await self._listener.come_up()

    async def _reset(self, request: web.Request, said: object) -> None:
        await self._come_up(request, said)
        self._desk.forget()
        self._desk.rules = self._first_rules
        self._gate.calls.clear()
        self._forget()


def set_fault(desk: JobDesk[Any, Any], said: Json) -> None:
    """Set one fault as the door has it: a fate under `job`, or else a fault of calls. Raises ValueError."""
    if "job" not in said:
        fault = CallFault.from_json(said, verbs=desk.manner.verbs, reasons=desk.manner.reasons)
        desk.faults.add(fault)
        return
    unknown = set(said) - {"job", "skip", "times"}
    if unknown:
        raise ValueError(f"a fault of jobs has no {sorted(unknown)}")
    desk.faults.doom(desk.faults.fate(said["job"]), skip=said.get("skip", 0), times=said.get("times"))
