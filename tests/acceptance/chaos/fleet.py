"""All that a fleet is made of, as processes: PostgreSQL, Temporal, two gateways, a worker for each queue."""

import json
from collections.abc import Sequence
from pathlib import Path

from openai import OpenAI

from tests.acceptance.fleet import Fleet, Gateway
from tests.acceptance.native import KEYS, entry
from tests.acceptance.parts import Part
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


class WholeFleet(Fleet):
    """Every part that a fleet has, in front of a provider (its origin) and an endpoint (its base URL)."""

    def __init__(self, folder: Path, *, postgres: Postgres, openai: str, endpoint: str) -> None:
        super().__init__(folder, config=_config(postgres.new_database(), openai, endpoint), environ=KEYS)
        self._database = Database(postgres)
        self._gateways: dict[str, Gateway] = {}

    def start(self) -> None:
        """Start all of it, in the order that an operator would, and wait until it takes requests."""
        super().start()
        prepared = self.overnight("temporal", "setup")
        assert prepared.returncode == 0, prepared
        self._gateways = {name: self.gateway(name=name) for name in GATEWAYS}
        for name, queues in WORKERS.items():
            self.worker(*(f"--queue={queue}" for queue in queues), name=name)
        for gateway in self._gateways.values():
            gateway.wait_ready()

    @property
    def parts(self) -> Sequence[Part]:
        """All that disasters befall."""
        return [self._database, *self.processes]

    def sdk(self, gateway: str) -> OpenAI:
        """The real OpenAI SDK, pointed at one of the gateways, and not patient with one that is frozen."""
        return self._gateways[gateway].client.with_options(timeout=20)

    def tail(self) -> str:
        """The ends of all logs, for a failure's message."""
        logs = sorted(self.folder.glob("*.log"))
        return "\n".join(f"--- {log.name}\n{log.read_text(errors='replace')[-3000:]}" for log in logs)


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
