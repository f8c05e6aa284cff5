"""What a namespace of Temporal's needs before batches run in it: looked at, and made where that is allowed.

Doing it again changes nothing. Whoever may not do something is told by which command an operator does it.
"""

from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from workflows import search_attributes
from workflows.housekeeping import SCHEDULE, ensure_schedule

ENOUGH_RETENTION = timedelta(days=7)
"""How long the histories of batches that have ended should be there, to be looked at and to be reset."""

_REFUSALS = (RPCStatusCode.PERMISSION_DENIED, RPCStatusCode.UNAUTHENTICATED, RPCStatusCode.UNIMPLEMENTED)


class State(StrEnum):
    """What has become of one thing that is needed."""

    THERE = "there"
    MADE = "made"
    MISSING = "missing"
    SHORT = "short"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that was looked at. `advice` are commands, for who may do what we may not."""

    what: str
    state: State
    why: str | None = None
    advice: tuple[str, ...] = ()

    @property
    def is_missing(self) -> bool:
        """Whether it has to be there: batches need it, or somebody asked for it."""
        return self.state is State.MISSING


async def set_up(client: Client, *, change: bool, retention: timedelta | None) -> AsyncIterator[Finding]:
    """Yield each thing as it is found, or with `change` as it is made.

    `retention` is set when it is given; without, it is only looked at. Raises RPCError when Temporal does not
    answer.
    """
    namespace = client.namespace
    try:
        kept = await _retention(client)
    except RPCError as error:
        if error.status is not RPCStatusCode.NOT_FOUND:
            raise
        command = f"temporal operator namespace create --namespace {namespace} --retention 720h"
        advice = (command, f"tcld namespace create --namespace {namespace} …")
        yield Finding(what=f"namespace {namespace}", state=State.MISSING, advice=advice)
        return
    missing = await search_attributes.missing(client)
    for name in search_attributes.KINDS:
        yield await _attribute(client, name, lacks=missing.get(name), change=change)
    yield await _schedule(client, change=change)
    yield await _kept(client, kept, wanted=retention if change else None)


async def _attribute(client: Client, name: str, *, lacks: str | None, change: bool) -> Finding:
    kind = search_attributes.TYPES[search_attributes.KINDS[name]]
    what = f"search attribute {name} ({kind})"
    if lacks is None:
        return Finding(what=what, state=State.THERE)
    if lacks == search_attributes.NOT_REGISTERED and change:
        refusal = await _refusal_of(search_attributes.register(client, name))
        if refusal is None:
            return Finding(what=what, state=State.MADE)
        lacks = refusal
    at = f"--namespace {client.namespace}"
    advice = (
        f"temporal operator search-attribute create {at} --name {name} --type {kind}",
        f'tcld namespace search-attributes add {at} --search-attribute "{name}={kind}"',
    )
    return Finding(what=what, state=State.MISSING, why=lacks, advice=advice)


async def _schedule(client: Client, *, change: bool) -> Finding:
    what = f"schedule {SCHEDULE}"
    there = await _is_there(client)
    if there and not change:
        return Finding(what=what, state=State.THERE)
    refusal = await _refusal_of(ensure_schedule(client)) if change else None
    if refusal is None and change:
        return Finding(what=what, state=State.THERE if there else State.MADE)
    if there:
        return Finding(what=what, state=State.THERE, why=refusal)
    advice = ("overnight worker  (makes it when it starts, with a key or certificate that may write)",)
    return Finding(what=what, state=State.MISSING, why=refusal, advice=advice)


async def _is_there(client: Client) -> bool:
    try:
        await client.get_schedule_handle(SCHEDULE).describe()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND or error.status in _REFUSALS:
            return False
        raise
    return True


async def _kept(client: Client, kept: timedelta | None, *, wanted: timedelta | None) -> Finding:
    what, refusal = "retention", None
    if wanted is not None and wanted != kept:
        refusal = await _refusal_of(_keep(client, wanted))
        if refusal is None:
            return Finding(what=f"{what} of {_days(wanted)}", state=State.MADE)
    if kept is None:
        return Finding(what=what, state=State.UNKNOWN, why="we may not look")
    enough = wanted or ENOUGH_RETENTION
    if kept >= enough:
        return Finding(what=f"{what} of {_days(kept)}", state=State.THERE)
    at = f"--namespace {client.namespace}"
    advice = (
        f"temporal operator namespace update {at} --retention {int(enough.total_seconds()) // 3600}h",
        f"tcld namespace retention set {at} --retention-days {enough.days}",
    )
    why = refusal or f"what has ended can't be looked at or reset for {_days(enough)}"
    state = State.SHORT if refusal is None else State.MISSING
    return Finding(what=f"{what} of {_days(kept)}", state=state, why=why, advice=advice)


async def _retention(client: Client) -> timedelta | None:
    """Return how long the namespace keeps histories; None if we may not know. Raises RPCError."""
    asked = DescribeNamespaceRequest(namespace=client.namespace)
    try:
        described = await client.workflow_service.describe_namespace(asked)
    except RPCError as error:
        if error.status in _REFUSALS:
            return None
        raise
    return described.config.workflow_execution_retention_ttl.ToTimedelta()


async def _keep(client: Client, retention: timedelta) -> None:
    config = NamespaceConfig(
        workflow_execution_retention_ttl=Duration(seconds=int(retention.total_seconds()))
    )
    request = UpdateNamespaceRequest(namespace=client.namespace, config=config)
    await client.workflow_service.update_namespace(request)


async def _refusal_of(change: Awaitable[None]) -> str | None:
    """Make a change; return why it may not be made. Raises RPCError when it fails otherwise."""
    try:
        await change
    except RPCError as error:
        if error.status in _REFUSALS:
            return f"not allowed: {error.status.name}"
        raise
    return None


def _days(time: timedelta) -> str:
    days = time / timedelta(days=1)
    return f"{days:g} {'day' if days == 1 else 'days'}"
