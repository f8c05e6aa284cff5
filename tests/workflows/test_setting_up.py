"""Preparing a namespace: what is made, what may not be, and how that is learnt where it may not be listed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import grpc
import pytest
from temporalio.api.operatorservice.v1 import RemoveSearchAttributesRequest
from temporalio.client import Client
from temporalio.testing import WorkflowEnvironment

from overnight.domain.errors import NamespaceNotReady, TemporalUnavailable
from tests.emulators.temporal_front import Front, front
from workflows import search_attributes
from workflows.connecting import connect
from workflows.namespace import Namespace
from workflows.plugin import OvernightPlugin
from workflows.setting_up import Finding, State, set_up

LONG = timedelta(hours=1)
DENIED = grpc.StatusCode.PERMISSION_DENIED


@pytest.fixture
async def bare() -> AsyncIterator[Front]:
    """A Temporal that nobody has prepared, behind a door that a test can shut."""
    server = Path(sys.executable).with_name("temporal")
    environment = await WorkflowEnvironment.start_local(
        dev_server_existing_path=str(server), dev_server_log_level="error", plugins=[OvernightPlugin()]
    )
    async with environment, front(environment.client.service_client.config.target_host) as door:
        yield door


@pytest.fixture
async def client(bare: Front) -> Client:
    return await connect(bare.address)


async def found(client: Client, *, change: bool = True, days: int | None = None) -> list[Finding]:
    retention = None if days is None else timedelta(days=days)
    return [each async for each in set_up(client, change=change, retention=retention)]


def of_attributes(findings: list[Finding]) -> list[Finding]:
    return [each for each in findings if each.what.startswith("search attribute")]


async def test_who_may_not_register_is_given_the_commands_and_the_rest_is_made(
    bare: Front, client: Client
) -> None:
    bare.refused["AddSearchAttributes"] = grpc.StatusCode.UNIMPLEMENTED
    findings = await found(client)
    attributes = of_attributes(findings)
    assert {each.state for each in attributes} == {State.MISSING}
    assert {each.why for each in attributes} == {"not allowed: UNIMPLEMENTED"}
    assert any("--name overnight_status --type Keyword" in command for command in attributes[0].advice)
    assert any('--search-attribute "overnight_status=Keyword"' in command for command in attributes[0].advice)
    assert findings[-2].what == "schedule overnight-housekeeping"
    assert findings[-2].state is State.MADE


async def test_a_retention_that_may_not_be_set_is_missing_and_one_that_is_only_short_is_not(
    bare: Front, client: Client
) -> None:
    bare.refused["UpdateNamespace"] = DENIED
    *_, short = await found(client)
    assert (short.state, short.is_missing) == (State.SHORT, False)
    *_, refused = await found(client, days=30)
    assert (refused.state, refused.is_missing) == (State.MISSING, True)
    assert "temporal operator namespace update --namespace default --retention 720h" in refused.advice


async def test_a_schedule_that_may_not_be_made_is_missing(bare: Front, client: Client) -> None:
    bare.refused["CreateSchedule"] = DENIED
    findings = await found(client)
    assert (findings[-2].state, findings[-2].why) == (State.MISSING, "not allowed: PERMISSION_DENIED")


async def test_who_may_not_list_search_attributes_learns_of_them_by_asking_for_them(
    bare: Front, client: Client
) -> None:
    bare.refused["ListSearchAttributes"] = DENIED
    assert list(await search_attributes.missing(client)) == list(search_attributes.KINDS)
    with pytest.raises(NamespaceNotReady, match=r"overnight_status.*overnight temporal setup"):
        await Namespace(client).require_ready()
    await search_attributes.register(client)
    assert await search_attributes.missing(client) == {}
    await Namespace(client).require_ready()


@pytest.mark.parametrize("may_list", [True, False])
async def test_a_namespace_that_loses_its_attributes_is_noticed(
    bare: Front, client: Client, *, may_list: bool
) -> None:
    if not may_list:
        bare.refused["ListSearchAttributes"] = DENIED
    await search_attributes.register(client)
    namespace, trusting = Namespace(client, kept_for=timedelta(0)), Namespace(client, kept_for=LONG)
    for each in (namespace, trusting):
        await each.until_ready()
    lost = RemoveSearchAttributesRequest(namespace=client.namespace, search_attributes=["overnight_model"])
    await client.operator_service.remove_search_attributes(lost)
    assert "overnight_model" in await complaint(namespace)
    # It has not asked again, or it would know.
    await trusting.require_ready()
    await search_attributes.register(client)
    async with asyncio.timeout(60):
        await namespace.until_ready()


async def test_a_server_that_is_busy_takes_nothing_back_and_adds_nothing(bare: Front, client: Client) -> None:
    busy = grpc.StatusCode.RESOURCE_EXHAUSTED
    namespace = Namespace(client, kept_for=timedelta(0))
    bare.refused["ListSearchAttributes"] = busy
    with pytest.raises(TemporalUnavailable, match="RESOURCE_EXHAUSTED"):
        await namespace.require_ready()
    bare.refused.clear()
    await search_attributes.register(client)
    await namespace.until_ready()
    bare.refused["ListSearchAttributes"] = busy
    await namespace.require_ready()
    bare.refused["ListSearchAttributes"] = grpc.StatusCode.NOT_FOUND
    with pytest.raises(TemporalUnavailable, match="NOT_FOUND"):
        await namespace.require_ready()


async def complaint(namespace: Namespace) -> str:
    """Wait until the namespace lacks something, which the server may take a moment to know of itself."""
    async with asyncio.timeout(60):
        while True:
            try:
                await namespace.require_ready()
            except NamespaceNotReady as error:
                return error.message
            await asyncio.sleep(0.1)


async def test_a_namespace_that_is_not_there_is_said_and_nothing_else_is_tried(bare: Front) -> None:
    elsewhere = await Client.connect(bare.address, namespace="nowhere")
    (finding,) = await found(elsewhere)
    assert (finding.what, finding.state) == ("namespace nowhere", State.MISSING)
    assert finding.advice[0].startswith("temporal operator namespace create --namespace nowhere")
