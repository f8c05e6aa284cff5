"""The Temporal that `serve` embeds, by itself: what a fleet finds at TEMPORAL_ADDRESS."""

import os
import shutil
import sys
from pathlib import Path

from cli.embedded_temporal import TemporalServer
from tests.acceptance.parts import Process
from tests.ports import free_port


class Temporal(Process):
    """A server with its file in `folder`."""

    def __init__(self, folder: Path) -> None:
        binary = shutil.which("temporal", path=str(Path(sys.executable).parent))
        assert binary
        server = TemporalServer(
            binary=Path(binary), database=folder / "temporal.db", port=free_port(), ui_port=free_port()
        )
        self.address = server.address
        super().__init__("temporal", server.program().arguments, folder=folder, environ=os.environ)
