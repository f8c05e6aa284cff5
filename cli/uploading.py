"""How `submit` gets a file to the gateway: whole, or in parts where it is large, behind a progress bar."""

import os
import tempfile
from contextlib import closing
from pathlib import Path
from typing import BinaryIO

import typer
from rich.console import Console
from rich.progress import DownloadColumn, Progress, TransferSpeedColumn

from cli.client import GatewayBusy, GatewayClient, GatewayError, GatewayUnreachable
from cli.in_parts import send_in_parts
from cli.options import INTERRUPTED
from cli.upload_notes import UploadNotes
from cli.views import FileView
from overnight.domain.upload import MAX_UPLOAD_BYTES
from overnight.jsonl import line_with_model

IN_PARTS_ABOVE = 256 * 2**20
"""Bytes. What is smaller is there again in a moment if it breaks off."""

_SHOWS_PROGRESS_FROM = 8 * 2**20
"""Uploads of fewer bytes than this are over before a bar could be read."""

_GO_ON = "What has arrived is kept for an hour: the same command goes on from there."


def upload(client: GatewayClient, path: Path, *, model: str | None, console: Console) -> FileView:
    """Upload the file at `path`, with every line on `model` where one is given. Raises GatewayError."""
    columns = (*Progress.get_default_columns(), DownloadColumn(), TransferSpeedColumn())
    quiet = not console.is_terminal or path.stat().st_size < _SHOWS_PROGRESS_FROM
    with (
        Progress(*columns, console=console, disable=quiet, transient=True) as progress,
        path.open("rb") as content,
    ):
        sending = _Sending(client, path, model=model, content=content, console=console, progress=progress)
        if model is None:
            return sending.send(content)
        with tempfile.TemporaryFile() as for_model:
            lines = progress.wrap_file(content, path.stat().st_size, description="reading")
            for_model.writelines(line_with_model(line, model) for line in lines)
            for_model.flush()
            for_model.seek(0)
            return sending.send(for_model)


class _Sending:
    """Sends what the file at `path` has in it, or has been made into for `model`."""

    def __init__(
        self,
        client: GatewayClient,
        path: Path,
        *,
        model: str | None,
        content: BinaryIO,
        console: Console,
        progress: Progress,
    ) -> None:
        self._client = client
        self._path = path
        self._model = model
        self._mtime_ns = os.fstat(content.fileno()).st_mtime_ns
        self._console = console
        self._progress = progress

    def send(self, content: BinaryIO) -> FileView:
        size = os.fstat(content.fileno()).st_size
        if IN_PARTS_ABOVE < size <= MAX_UPLOAD_BYTES:
            return self._send_in_parts(content, size)
        shown = self._progress.wrap_file(content, size, description="uploading")
        return self._client.upload(shown, filename=self._path.name)

    def _send_in_parts(self, content: BinaryIO, size: int) -> FileView:
        task = self._progress.add_task("uploading", total=size)
        with closing(UploadNotes.of(self._path, url=self._client.url, model=self._model)) as notes:
            try:
                return send_in_parts(
                    self._client,
                    content,
                    filename=self._path.name,
                    mtime_ns=self._mtime_ns,
                    notes=notes,
                    advance=lambda size: self._progress.advance(task, size),
                    tell=lambda what: self._console.print(what, markup=False, soft_wrap=True),
                )
            except KeyboardInterrupt:
                self._console.print(_GO_ON, soft_wrap=True)
                raise typer.Exit(INTERRUPTED) from None
            except (GatewayUnreachable, GatewayBusy) as error:
                raise GatewayError(f"{error}\n{_GO_ON}") from error
