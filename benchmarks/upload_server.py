"""The two servers that `ingest.py upload` compares, each a process of its own.

.venv/bin/python benchmarks/upload_server.py gateway|bare PORT FOLDER
"""

import asyncio
import os
import sys
from functools import partial
from pathlib import Path
from typing import Any

import uvicorn
import uvloop

from api.server import serve_gateway
from overnight.config import load_settings
from workflows.connecting import connect

NO_TEMPORAL = "127.0.0.1:1"
"""An upload needs no Temporal, and a lazy client does not look for it."""


async def gateway(port: int, folder: Path) -> None:
    """Serve the real gateway: multipart parsed, the file's content checked and stored, its row written."""
    settings = load_settings(None, data_dir=folder, environ={})
    await serve_gateway(
        settings, host="127.0.0.1", port=port, connect=partial(connect, NO_TEMPORAL, lazy=True)
    )


async def bare(port: int, folder: Path) -> None:
    """Serve the least there is: the body as it comes, multipart and all, into a file, and fsync."""

    async def to_disk(scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401 - ASGI's own types
        if scope["method"] == "POST":
            with (folder / "body").open("xb") as file:
                more = True
                while more:
                    message = await receive()
                    file.write(message.get("body", b""))
                    more = message.get("more_body", False)
                file.flush()
                os.fsync(file.fileno())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"{}"})

    config = uvicorn.Config(to_disk, port=port, http="httptools", lifespan="off", log_level="error")
    await uvicorn.Server(config).serve()


def main() -> None:
    """Serve one of the two until it is told to stop."""
    which, port, folder = sys.argv[1:]
    serve = {"gateway": gateway, "bare": bare}[which]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(port), Path(folder)))


if __name__ == "__main__":
    main()
