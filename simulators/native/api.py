"""Files and batches over HTTP, as the SDKs call them."""

from __future__ import annotations

import json
import uuid

from aiohttp import web

from simulators.native.asked import job_order, life, page
from simulators.native.desk import Desk
from simulators.native.gate import Gate, answered
from simulators.native.manner import Json
from simulators.native.mischief import FILE
from simulators.native.refusals import Reason, Refusal
from simulators.native.uploads import Upload, receive

_FILES_A_PAGE = 10_000
_BATCHES_A_PAGE = 20
_MOST_BATCHES_A_PAGE = 100


class Api(Gate):
    """The routes of one provider."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self._desk = desk
        self._shapes = desk.shapes

    def _add_routes(self, app: web.Application) -> None:
        """Hang the routes under each of the provider's base paths."""
        for base in self._shapes.facts.bases:
            for method, path, verb, handler in (
                ("POST", "/files", "files.create", self._create_file),
                ("GET", "/files", "files.list", self._list_files),
                ("GET", "/files/{id}", "files.retrieve", self._retrieve_file),
                ("DELETE", "/files/{id}", "files.delete", self._delete_file),
                ("GET", "/files/{id}/content", "files.content", self._send_content),
                ("POST", "/batches", "batches.create", self._create_batch),
                ("GET", "/batches", "batches.list", self._list_batches),
                ("GET", "/batches/{id}", "batches.retrieve", self._retrieve_batch),
                ("POST", "/batches/{id}/cancel", "batches.cancel", self._cancel_batch),
            ):
                app.router.add_route(method, f"{base}{path}", self._guarded(verb, handler))

    def _let_in(self, request: web.Request) -> None:
        if not self._shapes.knows(request.path, request.query):
            raise Refusal(Reason.UNKNOWN_PATH, method=request.method, path=request.path)
        shown = self._shapes.shown_keys(request.headers)
        if not shown:
            raise Refusal(Reason.NO_KEY)
        wanted = {self._desk.rules.key, self._desk.rules.token} - {None}
        if wanted and shown not in wanted:
            raise Refusal(Reason.BAD_KEY)

    async def _create_file(self, request: web.Request) -> web.Response:
        path = self._desk.folder / uuid.uuid4().hex
        try:
            facts = self._shapes.facts
            upload = await receive(request, path, rules=self._desk.rules, facts=facts)
            return self._take(request, upload)
        except BaseException:
            path.unlink(missing_ok=True)
            raise

    def _take(self, request: web.Request, upload: Upload) -> web.Response:
        seconds = life(upload.life_asked(), self._shapes.facts, param="expires_after")
        stored = self._desk.take_file(
            upload.path, filename=f"{upload.filename}", purpose=upload.purpose, life=seconds
        )
        dated = self._shapes.is_dated(request.path)
        shown = self._shapes.file(stored, now=self._desk.clock.now(), dated=dated)
        return answered(shown, status=self._shapes.upload_status(dated=dated))

    async def _list_files(self, request: web.Request) -> web.Response:
        asked = page(request.query, usual=_FILES_A_PAGE, most=_FILES_A_PAGE)
        files, more = await self._desk.list_files(asked, purpose=request.query.get("purpose"))
        now, dated = self._desk.clock.now(), self._shapes.is_dated(request.path)
        return _listed([self._shapes.file(stored, now=now, dated=dated) for stored in files], more=more)

    async def _retrieve_file(self, request: web.Request) -> web.Response:
        stored = await self._desk.file(request.match_info["id"])
        dated = self._shapes.is_dated(request.path)
        return answered(self._shapes.file(stored, now=self._desk.clock.now(), dated=dated))

    async def _delete_file(self, request: web.Request) -> web.Response:
        file_id = request.match_info["id"]
        self._desk.delete_file(file_id)
        return answered({"id": file_id, "object": "file", "deleted": True})

    async def _send_content(self, request: web.Request) -> web.StreamResponse:
        stored = await self._desk.file(request.match_info["id"])
        request[FILE] = stored.path
        return web.FileResponse(stored.path, headers={"Content-Type": "application/octet-stream"})

    async def _create_batch(self, request: web.Request) -> web.Response:
        try:
            said = json.loads(await request.read())
        except ValueError as error:
            raise Refusal(Reason.BAD_REQUEST) from error
        job = await self._desk.create_job(job_order(said, self._shapes.facts))
        return await self._job(request, job.id)

    async def _list_batches(self, request: web.Request) -> web.Response:
        asked = page(request.query, usual=_BATCHES_A_PAGE, most=_MOST_BATCHES_A_PAGE)
        jobs, more = self._desk.list_jobs(asked)
        dated = self._shapes.is_dated(request.path)
        shown = [self._shapes.batch(job, await self._desk.look(job), dated=dated) for job in jobs]
        return _listed(shown, more=more)

    async def _retrieve_batch(self, request: web.Request) -> web.Response:
        return await self._job(request, request.match_info["id"])

    async def _cancel_batch(self, request: web.Request) -> web.Response:
        job_id = request.match_info["id"]
        self._desk.cancel(job_id, by=request.headers.get("User-Agent", "somebody"))
        return await self._job(request, job_id)

    async def _job(self, request: web.Request, job_id: str) -> web.Response:
        job = self._desk.job(job_id)
        snapshot = await self._desk.look(job)
        return answered(self._shapes.batch(job, snapshot, dated=self._shapes.is_dated(request.path)))


def _listed(shown: list[Json], *, more: bool) -> web.Response:
    first, last = (shown[0]["id"], shown[-1]["id"]) if shown else (None, None)
    return answered({"object": "list", "data": shown, "first_id": first, "last_id": last, "has_more": more})
