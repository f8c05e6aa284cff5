"""The embedded Temporal: the real server, on a real file, killed and started again."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from temporalio import workflow
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from cli import embedded_temporal
from cli.embedded_temporal import RETENTION, TemporalServer, embedded_server, runs_elsewhere
from cli.ports import PortTaken
from cli.supervisor import Child, Ties
from overnight.domain.errors import TemporalUnavailable
from tests.ports import free_port
from workflows import search_attributes
from workflows.connecting import connect

PATIENCE = timedelta(seconds=60)


class Running:
    def __init__(self, server: TemporalServer, child: Child) -> None:
        self.server = server
        self.child = child

    async def client(self) -> Client:
        return await connect(self.server.address)


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[Running]:
    server = await embedded_server(tmp_path, port=free_port(), ui_port=free_port())
    ties = Ties.make()
    child = Child(server.program(), ties=ties, started=lambda: None)
    try:
        async with asyncio.timeout(PATIENCE.total_seconds()):
            await child.start()
        yield Running(server, child)
    finally:
        await child.stop(hurry=asyncio.Event())
        ties.cut()


@workflow.defn(name="asleep")
class Asleep:
    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(timedelta(days=1))


async def describe_when_it_answers(running: Running, workflow_id: str) -> str:
    async with asyncio.timeout(PATIENCE.total_seconds()):
        while True:
            try:
                client = await running.client()
                return (await client.get_workflow_handle(workflow_id).describe()).id
            except (TemporalUnavailable, RPCError):
                await asyncio.sleep(0.05)


async def test_a_ready_server_knows_our_search_attributes_and_keeps_history_for_thirty_days(
    running: Running,
) -> None:
    client = await running.client()

    request = ListSearchAttributesRequest(namespace=client.namespace)
    known = await client.operator_service.list_search_attributes(request)
    namespace = await client.workflow_service.describe_namespace(
        DescribeNamespaceRequest(namespace=client.namespace)
    )

    assert search_attributes.STATUS.name in known.custom_attributes
    assert namespace.config.workflow_execution_retention_ttl.ToTimedelta() == RETENTION


async def test_a_killed_server_comes_back_on_the_same_ports_with_its_workflows(running: Running) -> None:
    client = await running.client()
    await client.start_workflow(Asleep.run, id="sleeper", task_queue="nobody-polls-this")
    killed = running.child.pid
    assert killed is not None

    os.kill(killed, signal.SIGKILL)

    assert await describe_when_it_answers(running, "sleeper") == "sleeper"
    assert running.child.pid != killed


async def test_the_file_is_named_by_the_version_that_wrote_it(running: Running) -> None:
    version = await embedded_temporal._version(running.server.binary)

    assert running.server.database.name == f"temporal-{version}.db"
    assert running.server.database.exists()


async def test_ports_that_nobody_asked_for_avoid_those_that_are_taken(tmp_path: Path) -> None:
    first = await embedded_server(tmp_path, port=None, ui_port=None)
    with socket.create_server((embedded_temporal.HOST, first.port)):
        second = await embedded_server(tmp_path, port=None, ui_port=None)
        with pytest.raises(PortTaken):
            await embedded_server(tmp_path, port=first.port, ui_port=None)

    assert second.port > first.port


@pytest.mark.parametrize("name", ["TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE"])
def test_any_of_the_sdks_variables_means_that_temporal_runs_elsewhere(name: str) -> None:
    assert runs_elsewhere({name: "x"})
    assert not runs_elsewhere({name: "", "TEMPORAL_NAMESPACE": "x"})
