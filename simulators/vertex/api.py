"""Batch prediction jobs over HTTP, and the token endpoint for service accounts."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode

from aiohttp import web

from simulators.native.gate import Gate, answered
from simulators.native.manner import Json
from simulators.native.refusals import Reason, Refusal
from simulators.vertex.asked import order_of, page_size
from simulators.vertex.desk import VertexDesk
from simulators.vertex.filters import filter_of
from simulators.vertex.jobs import VertexJob
from simulators.vertex.showing import shown
from simulators.vertex.tokens import GRANT, NoGrant, Standing

TOKEN_PATH = "/token"  # noqa: S105 - a path
_PARENT = "/{version:v1|v1beta1}/projects/{project}/locations/{location}"
_JOBS = f"{_PARENT}/batchPredictionJobs"
_JOB = f"{_JOBS}/{{id:[^:/]+}}"
_USUAL_PAGE = 100
_MOST_A_PAGE = 1000


class VertexApi(Gate):
    """The routes of Vertex AI."""

    def __init__(self, desk: VertexDesk) -> None:
        super().__init__(desk)
        self._desk = desk

    def _add_routes(self, app: web.Application) -> None:
        for method, path, verb, handler in (
            ("POST", _JOBS, "jobs.create", self._create),
            ("GET", _JOBS, "jobs.list", self._list),
            ("GET", _JOB, "jobs.get", self._get),
            ("POST", f"{_JOB}:cancel", "jobs.cancel", self._cancel),
            ("DELETE", _JOB, "jobs.delete", self._delete),
            ("GET", f"{_PARENT}/operations/{{id}}", "operations.get", self._operation),
            ("POST", TOKEN_PATH, "token", self._token),
        ):
            app.router.add_route(method, path, self._guarded(verb, handler))

    def _let_in(self, request: web.Request) -> None:
        """Take the key, or a token that was issued here; without a key anybody, but for an expired token."""
        if request.path == TOKEN_PATH:
            return
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        shown_token = token.strip() if scheme.lower() == "bearer" else ""
        standing = self._desk.tokens.standing(shown_token, life=self._desk.rules.token_seconds)
        if standing is Standing.EXPIRED:
            raise Refusal(Reason.BAD_KEY)
        key = self._desk.rules.key
        if key is not None and standing is Standing.UNKNOWN and shown_token != key:
            raise Refusal(Reason.BAD_KEY if shown_token else Reason.NO_KEY)

    async def _create(self, request: web.Request) -> web.Response:
        try:
            said = json.loads(await request.read())
        except ValueError as error:
            raise Refusal(Reason.BAD_REQUEST, problem="Unexpected token.") from error
        order = order_of(
            said,
            project=request.match_info["project"],
            location=request.match_info["location"],
            served=self._desk.rules.models,
        )
        return self._shown(await self._desk.create_job(order))

    async def _list(self, request: web.Request) -> web.Response:
        await self._desk.catch_up()
        query = request.query
        size = page_size(query.get("pageSize"), usual=_USUAL_PAGE, most=_MOST_A_PAGE)
        fits, skip = filter_of(query.get("filter", "")), _skipped(query.get("pageToken"))
        where = {"project": request.match_info["project"], "location": request.match_info["location"]}
        all_shown = (shown(job, now=self._desk.moment) for job in self._desk.jobs_of(**where))
        fitting = [each for each in all_shown if fits(each)]
        page: Json = {"batchPredictionJobs": fitting[skip : skip + size]} if fitting[skip:] else {}
        if len(fitting) > skip + size:
            page["nextPageToken"] = urlsafe_b64encode(f"{skip + size}".encode()).decode()
        return answered(page)

    async def _get(self, request: web.Request) -> web.Response:
        await self._desk.catch_up()
        return self._shown(self._job(request))

    async def _cancel(self, request: web.Request) -> web.Response:
        await self._desk.catch_up()
        job = self._job(request)
        self._desk.cancel(job.id, by=request.headers.get("User-Agent", "somebody"))
        return answered({})

    async def _delete(self, request: web.Request) -> web.Response:
        await self._desk.catch_up()
        return answered(self._desk.delete(self._job(request)))

    async def _operation(self, request: web.Request) -> web.Response:
        wanted = request.match_info["id"]
        for name, operation in self._desk.operations.items():
            if name.endswith(f"/operations/{wanted}"):
                return answered(operation)
        raise Refusal(Reason.UNKNOWN_OPERATION)

    async def _token(self, request: web.Request) -> web.Response:
        form = await request.post()
        rules = self._desk.rules
        try:
            if form.get("grant_type") != GRANT:
                return _no_token("unsupported_grant_type", "Invalid grant_type: it has to be jwt-bearer.")
            token = self._desk.tokens.issue(str(form.get("assertion", "")))
        except NoGrant as refusal:
            return _no_token("invalid_grant", str(refusal))
        life = rules.token_said_seconds
        said = int(rules.token_seconds) if life is None else life
        return answered({"access_token": token, "expires_in": said, "token_type": "Bearer"})

    def _job(self, request: web.Request) -> VertexJob:
        said = request.match_info
        return self._desk.job_of(said["id"], project=said["project"], location=said["location"])

    def _shown(self, job: VertexJob) -> web.Response:
        return answered(shown(job, now=self._desk.moment))


def _no_token(error: str, description: str) -> web.Response:
    return answered({"error": error, "error_description": description}, status=400)


def _skipped(token: str | None) -> int:
    """Return how many jobs were on the pages before. Raises Refusal."""
    if not token:
        return 0
    try:
        return int(urlsafe_b64decode(token))
    except ValueError as error:
        problem = "The page token is invalid."
        raise Refusal(Reason.INVALID_VALUE, param="page_token", problem=problem) from error
