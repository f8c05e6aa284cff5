"""A Cloud Storage on loopback for those who have none: the emulator that `gcp-storage-emulator` brings."""

from __future__ import annotations

import logging
import socket
from types import TracebackType
from typing import Self

from simulators.native.listener import HOST


class NoEmulator(Exception):
    """The emulator's package is not installed."""

    def __init__(self) -> None:
        super().__init__(
            "there is no Cloud Storage to work with: name one with --gcs, or install an emulator with "
            "pip install gcp-storage-emulator"
        )


class Emulator:
    """An emulator with one bucket, kept in memory; port 0 chooses a free one.

    Raises NoEmulator, and OSError when the port is taken.
    """

    def __init__(self, *, bucket: str, port: int = 0) -> None:
        try:
            from gcp_storage_emulator.server import create_server  # noqa: PLC0415 - not everybody has it
        except ImportError as error:
            raise NoEmulator from error
        # It reports what is simply not there as an error.
        logging.getLogger("gcp_storage_emulator").setLevel(logging.CRITICAL)
        logging.getLogger("api").setLevel(logging.CRITICAL)
        self._port = _free_port(port)
        self._server = create_server(HOST, self._port, in_memory=True, default_bucket=bucket)

    @property
    def url(self) -> str:
        """What STORAGE_EMULATOR_HOST has to be."""
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._server.stop()


def _free_port(port: int) -> int:
    # The emulator itself would wait for ever on a port that it does not get.
    with socket.create_server((HOST, port)) as listening:
        return int(listening.getsockname()[1])
