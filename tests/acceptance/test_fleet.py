"""Many processes over a Temporal that is not embedded: prepared, drained, replaced, asked how they are."""

import os
import re
import signal
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import httpx2
import psutil
import pytest
from temporalio.api.deployment.v1 import WorkerDeploymentVersion
from temporalio.api.enums.v1 import VersionDrainageStatus
from temporalio.api.workflowservice.v1 import DescribeWorkerDeploymentVersionRequest
from temporalio.client import Client

from tests.acceptance.conftest import CONFIG
from tests.acceptance.fleet import Fleet
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.serving import answered, ended, eventually, until
from tests.acceptance.simulated import Endpoint
from workflows.connecting import connect
from workflows.search_attributes import KINDS

PARALLEL = 4
SLOW_SECONDS = 0.1


@pytest.fixture
def bare(tmp_path: Path, endpoint: Endpoint) -> Iterator[Fleet]:
    """A fleet whose Temporal nobody has prepared."""
    with Fleet(tmp_path, config=CONFIG.format(api_base=endpoint.base_url, parallel=PARALLEL)) as running:
        yield running


@pytest.fixture
def fleet(bare: Fleet) -> Fleet:
    """A fleet whose Temporal is prepared."""
    assert bare.overnight("temporal", "setup").returncode == 0
    return bare


@pytest.fixture
async def temporal(fleet: Fleet) -> Client:
    return await connect(fleet.temporal_address)


def test_a_temporal_is_prepared_and_doing_it_again_changes_nothing(bare: Fleet) -> None:
    looked = bare.overnight("temporal", "setup", "--check")
    assert looked.returncode == 1
    assert "missing  search attribute overnight_status (Keyword) (not registered)" in looked.stdout
    command = "temporal operator search-attribute create --namespace default --name overnight_cost_usd"
    assert f"{command} --type Double" in looked.stdout
    assert "tcld namespace search-attributes add --namespace default" in looked.stdout
    assert "missing  schedule overnight-housekeeping" in looked.stdout
    assert "short    retention of 1 day" in looked.stdout

    made = bare.overnight("temporal", "setup", "--retention", "30")
    assert made.returncode == 0, made
    assert made.stdout.count("  made ") == len(KINDS) + 2

    again = bare.overnight("temporal", "setup", "--check")
    assert again.returncode == 0, again
    assert again.stdout.count("  there ") == len(KINDS) + 2
    assert "retention of 30 days" in again.stdout


def test_workers_and_gateways_are_not_ready_before_the_namespace_is(bare: Fleet, tmp_path: Path) -> None:
    worker, gateway = bare.worker(), bare.gateway()
    for part in (worker, gateway):
        status, said = until(part.health, log=part.log)
        assert (status, said["status"]) == (503, "not ready")
        assert "lacks the search attributes overnight_status" in said["parts"]["temporal"]
        assert "overnight temporal setup" in said["parts"]["temporal"]
    until(lambda: worker.ever_logged("lacks the search attributes"))
    assert not worker.ever_logged("worker polling")

    assert bare.overnight("temporal", "setup").returncode == 0

    worker.wait_ready()
    gateway.wait_ready()
    batch = submit(gateway.client, write_requests(tmp_path / "in.jsonl", 3))
    assert ended(gateway.client, batch.id, log=worker.log).status == "completed"


async def test_a_worker_that_is_told_to_stop_hands_its_chunk_over_at_once(
    fleet: Fleet, temporal: Client, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.restart(delay=SLOW_SECONDS)
    lines = 800
    gateway = fleet.gateway().wait_ready()
    senders = [fleet.worker("--queue", queue).wait_ready() for queue in ("lines-night", "lines")]
    rest = fleet.worker("--queue", "batches").wait_ready()
    batch = submit(gateway.client, write_requests(tmp_path / "in.jsonl", lines))
    answered(gateway.client, batch.id, lines=20, log=rest.log)

    shard = temporal.get_workflow_handle(f"{batch.id}/shard-0000")
    (pending,) = (await shard.describe()).raw_description.pending_activities
    (sender,) = (each for each in senders if pending.last_worker_identity.startswith(f"{each.pid}@"))
    assert sender.stop() == 0

    final = ended(gateway.client, batch.id, log=rest.log)
    assert final.status == "completed"
    assert_every_line_once(gateway.client, final, lines)
    # Its lines in flight had time to end, so nothing at all was sent twice.
    assert endpoint.seen()["total"] == lines
    history = await shard.fetch_history()
    (chunk,) = (
        event.activity_task_started_event_attributes
        for event in history.events
        if event.HasField("activity_task_started_event_attributes")
        and event.activity_task_started_event_attributes.attempt > 1
    )
    assert chunk.attempt == 2
    assert chunk.last_failure.application_failure_info.type == "HandedBack"


async def test_a_batch_goes_on_on_the_version_it_began_on(
    fleet: Fleet, temporal: Client, endpoint: Endpoint, tmp_path: Path
) -> None:
    endpoint.restart(delay=SLOW_SECONDS)
    gateway = fleet.gateway().wait_ready()
    old = fleet.worker("--deployment-version", "A").wait_ready()
    make_current(fleet, "A")
    began = submit(gateway.client, write_requests(tmp_path / "in.jsonl", 200))
    answered(gateway.client, began.id, lines=10, log=old.log)

    new = fleet.worker("--deployment-version", "B").wait_ready()
    make_current(fleet, "B")
    assert await is_draining(temporal, "A")
    later = submit(gateway.client, write_requests(tmp_path / "more.jsonl", 3))

    assert ended(gateway.client, later.id, log=new.log).status == "completed"
    assert ended(gateway.client, began.id, log=old.log).status == "completed"
    assert await versions_of(temporal, began.id) == {"A"}
    assert await versions_of(temporal, f"{began.id}/shard-0000") == {"A"}
    assert await versions_of(temporal, later.id) == {"B"}
    # What has no end has moved on.
    await eventually(partial(has_kept_house, temporal, "B"))


def make_current(fleet: Fleet, build: str) -> None:
    """Have new batches begin on this build, once Temporal knows its workers."""
    version = ("--deployment-name", "overnight", "--build-id", build, "--yes")
    command = ("worker", "deployment", "set-current-version", *version)
    until(lambda: fleet.temporal(*command).returncode == 0)


async def is_draining(temporal: Client, build: str) -> bool:
    version = WorkerDeploymentVersion(deployment_name="overnight", build_id=build)
    asked = DescribeWorkerDeploymentVersionRequest(namespace=temporal.namespace, deployment_version=version)
    described = await temporal.workflow_service.describe_worker_deployment_version(asked)
    status = described.worker_deployment_version_info.drainage_info.status
    return status == VersionDrainageStatus.VERSION_DRAINAGE_STATUS_DRAINING


async def versions_of(temporal: Client, workflow_id: str, *, run_id: str | None = None) -> set[str]:
    """Return the builds that have taken a workflow's steps."""
    history = await temporal.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    done = (each.workflow_task_completed_event_attributes for each in history.events)
    return {each.deployment_version.build_id for each in done if each.deployment_version.build_id}


async def has_kept_house(temporal: Client, build: str) -> bool:
    """Say whether workers of a build have done any of the housekeeping."""
    runs = [each async for each in temporal.list_workflows("WorkflowType = 'Housekeeping'")]
    return any([build in await versions_of(temporal, run.id, run_id=run.run_id) for run in runs])


def test_several_gateways_share_a_port_and_one_that_dies_comes_back(
    fleet: Fleet, endpoint: Endpoint, tmp_path: Path
) -> None:
    gateway = fleet.gateway("--processes", "2", "--drain", "600").wait_ready()
    until(lambda: gateway.ever_logged("gateways ready"))
    assert all(measured(gateway.url) == {"gateway-1", "gateway-2"} for _ in range(5))
    one, other = gateways(gateway.pid)
    os.kill(one, signal.SIGKILL)
    until(lambda: other in (now := gateways(gateway.pid)) and len(now) == 2)
    assert gateway.client.batches.list().data == []
    assert one not in gateways(gateway.pid)
    until(lambda: measured(gateway.url) == {"gateway-1", "gateway-2"})

    os.kill(gateway.pid, signal.SIGTERM)
    until(lambda: (gateway.health() or (0, {}))[0] == 503, log=gateway.log)
    os.kill(gateway.pid, signal.SIGTERM)
    assert gateway.stop() == 0
    assert gateway.health() is None


def measured(url: str) -> set[str]:
    """Return whose metrics are on the page."""
    page = httpx2.get(f"{url}/metrics", timeout=60).raise_for_status().text
    return set(re.findall(r'process_start_time_seconds{process="(.*?)"}', page))


def gateways(parent: int) -> list[int]:
    return sorted(child.pid for child in psutil.Process(parent).children())


def test_a_worker_that_is_stuck_does_not_say_that_it_lives(fleet: Fleet) -> None:
    fleet.gateway().wait_ready()
    worker = fleet.worker().wait_ready()
    assert worker.health("liveness") == (200, {"status": "alive"})
    worker.freeze()
    assert worker.health("liveness") is None
    worker.thaw()
    until(lambda: worker.health("liveness"), log=worker.log)
