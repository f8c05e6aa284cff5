"""docker-compose.yml without Docker: each service of ours by its very command, environment and health check.

They are processes with a folder of their own each, so what they share is what the file gives them to share: a
database, a Temporal, a bucket. Only hosts, ports and paths are others.
"""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx2
import psutil
import pytest
from openai import OpenAI

from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.native import KEY as PROVIDER_KEY
from tests.acceptance.native import Provider, assert_done_once
from tests.acceptance.parts import Process
from tests.acceptance.serving import ended, until
from tests.acceptance.temporal import Temporal
from tests.deployment.composed import CHECKOUT, Service, example_variables, ours, services
from tests.emulators.s3 import REGION, s3_server
from tests.ports import free_port
from tests.postgres import Postgres

LINES = 20
ONCE = ("db-upgrade", "temporal-setup")
LASTING = ("worker-batches", "worker-lines", "worker-provider", "gateway")
WORKERS = LASTING[:3]
PROGRAMS = Path(sys.executable).parent
CONFIG_IN_THE_IMAGE = "/etc/overnight/config.yaml"
GATEWAY_PORT, METRICS_PORT = "4000", "9464"


@dataclass(frozen=True, slots=True)
class Host:
    """What stands in for Docker: a folder, where the other services are, and what .env has been told."""

    folder: Path
    variables: Mapping[str, str]
    addresses: Mapping[str, str]
    gateway_port: int

    def moved(self, text: str) -> str:
        """Put our addresses in the place of the file's."""
        for theirs, mine in self.addresses.items():
            text = text.replace(theirs, mine)
        return text

    def environment(self, name: str, service: Service) -> dict[str, str]:
        """Return the environment of a service, with nothing in it that Docker would not give it."""
        told = {key: self.moved(value) for key, value in service.get("environment", {}).items()}
        data = self.folder / name / "data"
        bare = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": str(CHECKOUT)}
        return {**bare, "OVERNIGHT_DATA_DIR": str(data), **told}

    def process(self, name: str, service: Service, *, metrics_port: int) -> Process:
        """Return a service of ours as a process."""
        ports = {METRICS_PORT: str(metrics_port), GATEWAY_PORT: str(self.gateway_port)}
        config = self.variables["OVERNIGHT_CONFIG"]
        arguments = [
            _with_ports(word.replace(CONFIG_IN_THE_IMAGE, config), ports) for word in service["command"]
        ]
        folder = self.folder / name
        folder.mkdir()
        return Process(
            name,
            [str(PROGRAMS / "overnight"), *arguments],
            folder=folder,
            environ=self.environment(name, service),
        )

    def is_well(self, service: Service, *, metrics_port: int) -> bool:
        """Ask a service how it is, as Docker would."""
        program, *arguments = service["healthcheck"]["test"][1:]
        assert program == "python"
        ports = {METRICS_PORT: str(metrics_port), GATEWAY_PORT: str(self.gateway_port)}
        command = [sys.executable, *(_with_ports(word, ports) for word in arguments)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0


def _with_ports(word: str, ports: Mapping[str, str]) -> str:
    return re.sub(r"(?<=[:=])\d+(?=$|/)", lambda found: ports.get(found[0], found[0]), word)


@pytest.fixture
def host(tmp_path: Path, openai: Provider) -> Iterator[Host]:
    """PostgreSQL, Temporal, a bucket and a provider, and a .env that is filled in."""
    with ExitStack() as stack:
        postgres = stack.enter_context(Postgres())
        postgres.query("CREATE ROLE overnight LOGIN CREATEDB")
        postgres.query("CREATE DATABASE overnight OWNER overnight")
        temporal = Temporal(tmp_path)
        stack.callback(temporal.kill)
        temporal.start()
        s3 = stack.enter_context(s3_server(tmp_path))
        where = {"LocationConstraint": REGION}
        s3.client().create_bucket(Bucket="overnight", CreateBucketConfiguration=where)
        config = tmp_path / "config.yaml"
        config.write_text(_pointed_at(openai))
        filled_in = dict.fromkeys(example_variables(), "0123456789abcdef")
        yield Host(
            folder=tmp_path,
            variables={**filled_in, "OPENAI_API_KEY": PROVIDER_KEY, "OVERNIGHT_CONFIG": str(config)},
            addresses={
                "@postgres:5432/": f"@127.0.0.1:{postgres.port}/",
                "temporal:7233": temporal.address,
                "http://store:3900": s3.url,
            },
            gateway_port=free_port(),
        )


def _pointed_at(openai: Provider) -> str:
    example = (CHECKOUT / "examples" / "fleet.yaml").read_text()
    model = "      model: openai/gpt-4o-mini\n"
    assert model in example
    there = f"      api_base: {openai.origin}/v1\n      batch_lane: native\n"
    return example.replace(model, model + there)


def test_the_services_of_the_compose_file_run_a_batch_together(host: Host, openai: Provider) -> None:
    composed = services(host.variables)
    assert {*ours(composed)} == {*ONCE, *LASTING}
    _run_script(host, composed["temporal-namespace"])
    metrics = {name: free_port() for name in (*ONCE, *LASTING)}
    parts = {
        name: host.process(name, composed[name], metrics_port=metrics[name]) for name in (*ONCE, *LASTING)
    }
    try:
        for name in ONCE:
            assert parts[name].run() == 0, parts[name].log.read_text()
        for name in LASTING:
            parts[name].start()
        for name in LASTING:
            until(
                lambda name=name: host.is_well(composed[name], metrics_port=metrics[name]),
                log=parts[name].log,
            )
        url = f"http://127.0.0.1:{host.gateway_port}/v1"
        with OpenAI(base_url=url, api_key=host.variables["OVERNIGHT_MASTER_KEY"], max_retries=0) as sdk:
            batch = submit(sdk, write_requests(host.folder / "in.jsonl", LINES, model="gpt-4o-mini"))
            final = ended(sdk, batch.id, log=parts["worker-batches"].log)
            assert final.status == "completed"
            assert_every_line_once(sdk, final, LINES)
        assert_done_once(openai, final)
        for name in WORKERS:
            _assert_others_can_scrape(metrics[name], key=host.variables["OVERNIGHT_MASTER_KEY"])
        for name in LASTING:
            assert parts[name].stop() == 0, parts[name].log.read_text()[-4000:]
    finally:
        for part in parts.values():
            part.kill()


def _assert_others_can_scrape(port: int, *, key: str) -> None:
    url = f"http://{_address_on_a_network()}:{port}/metrics"
    assert httpx2.get(url, trust_env=False, timeout=60).status_code == 401
    bearer = {"Authorization": f"Bearer {key}"}
    page = httpx2.get(url, headers=bearer, trust_env=False, timeout=60).raise_for_status().text
    assert 'process_resident_memory_bytes{process="worker"}' in page


def _address_on_a_network() -> str:
    """Return an address of this machine that is not the one that a process on loopback listens on."""
    every = [each for of_one in psutil.net_if_addrs().values() for each in of_one]
    addresses = (each.address for each in every if each.family == socket.AF_INET)
    return next((each for each in addresses if not each.startswith("127.")), "127.0.0.2")


def _run_script(host: Host, service: Service) -> None:
    """Run the script of a job that is not ours, with our own copy of the program that it calls."""
    (script,) = service["command"]
    environ = host.environment("temporal-namespace", service)
    environ["PATH"] = f"{PROGRAMS}:{environ['PATH']}"
    for _ in range(2):
        subprocess.run([*service["entrypoint"], script], env=environ, check=True, timeout=300)
