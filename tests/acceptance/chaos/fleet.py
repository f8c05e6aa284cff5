"""All that a fleet is made of, as processes: PostgreSQL, Temporal, two gateways, a worker for each queue."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import httpx2
from openai import OpenAI

from tests.acceptance.command_line import OVERNIGHT, environment
from tests.acceptance.native import KEYS, entry
from tests.acceptance.parts import Part, Process
from tests.acceptance.serving import KEY, until
from tests.acceptance.temporal import Temporal
from tests.ports import free_port
from tests.postgres import Postgres

NATIVE, LINES = "night", "day"
PRICES = {
    "input_cost_per_token": "0.000001",
    "output_cost_per_token": "0.000002",
    "input_cost_per_token_batches": "0.0000005",
    "output_cost_per_token_batches": "0.00000025",
}
GATEWAYS = ("gateway-1", "gateway-2")
WORKERS = {
    "worker-batches": ("batches",),
    "worker-lines": ("lines",),
    "worker-provider": ("provider",),
    "worker-telling": ("webhooks", "events"),
}


class Database:
    """PostgreSQL as a part: its server is many processes, which freeze together."""

    name = "postgres"

    def __init__(self, postgres: Postgres) -> None:
        self.start, self.kill, self.stop = postgres.start, postgres.kill, postgres.stop
        self.freeze, self.thaw = postgres.freeze, postgres.thaw


class Fleet:
    """A fleet in `folder`, in front of a provider (its origin) and an endpoint (its base URL)."""

    def __init__(self, folder: Path, *, postgres: Postgres, openai: str, endpoint: str) -> None:
        self.folder = folder
        self._ports = {name: free_port() for name in GATEWAYS}
        temporal = Temporal(folder)
        self._environ = environment(**KEYS, TEMPORAL_ADDRESS=temporal.address)
        self._config = folder / "config.yaml"
        self._config.write_text(_config(postgres.new_database(), openai, endpoint))
        gateways = [self._part(name, "gateway", "--port", str(port)) for name, port in self._ports.items()]
        workers = [
            self._part(name, "worker", *(f"--queue={queue}" for queue in queues))
            for name, queues in WORKERS.items()
        ]
        self._processes = [temporal, *gateways, *workers]
        self.parts: Sequence[Part] = [Database(postgres), *self._processes]

    def __enter__(self) -> Self:
        """Start all of it, in the order that an operator would."""
        try:
            self._processes[0].start()
            self._once("db", "upgrade", "--config", str(self._config))
            until(lambda: self._may("temporal", "setup"))
            for process in self._processes[1:]:
                process.start()
            self.wait_ready()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def wait_ready(self) -> None:
        """Wait until both gateways are."""
        for name in GATEWAYS:
            until(lambda name=name: self._ready(name), log=self.folder / f"{name}.log")

    def url(self, gateway: str) -> str:
        """Where a gateway is."""
        return f"http://127.0.0.1:{self._ports[gateway]}"

    def sdk(self, gateway: str) -> OpenAI:
        """The real OpenAI SDK, pointed at one of the gateways."""
        return OpenAI(base_url=f"{self.url(gateway)}/v1", api_key=KEY, max_retries=0, timeout=20)

    def spent(self) -> Any:
        """What `GET /v1/spend` says of each model."""
        asked = {"group_by": "model"}
        answer = httpx2.get(f"{self.url(GATEWAYS[0])}/v1/spend", params=asked, timeout=60)
        return answer.raise_for_status().json()["data"]

    def tail(self) -> str:
        """The ends of all logs, for a failure's message."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)

    def _part(self, name: str, command: str, *arguments: str) -> Process:
        shared = ("--config", str(self._config), "--data-dir", str(self.folder / "data"))
        return Process(
            name, [OVERNIGHT, command, *shared, *arguments], folder=self.folder, environ=self._environ
        )

    def _once(self, *arguments: str) -> None:
        subprocess.run([OVERNIGHT, *arguments], env=self._environ, cwd=self.folder, check=True, timeout=300)

    def _may(self, *arguments: str) -> bool:
        try:
            self._once(*arguments)
        except subprocess.CalledProcessError:
            return False
        return True

    def _ready(self, gateway: str) -> bool:
        try:
            return httpx2.get(f"{self.url(gateway)}/health/readiness", timeout=10).status_code == 200
        except httpx2.HTTPError:
            return False

    def _end(self) -> None:
        for process in reversed(self._processes):
            process.kill()


def _config(database_url: str, openai: str, endpoint: str) -> str:
    native = entry(NATIVE, {"api_base": f"{openai}/v1", "batch_lane": "native"}, "openai")
    lines = {
        "model_name": LINES,
        "litellm_params": {
            "model": "hosted_vllm/day",
            "api_base": endpoint,
            "max_parallel_requests": 16,
        },
    }
    return json.dumps(
        {
            "model_list": [{**each, "model_info": PRICES} for each in (native, lines)],
            "batch_settings": {"poll_initial_seconds": 0.5, "poll_max_seconds": 2},
            "general_settings": {"database_url": database_url},
        },
        indent=2,
    )
