"""A real batch, start to end, on this machine alone: `make demo`.

Starts a small real language model, `overnight serve` pointed at it, submits `examples/requests.jsonl`,
prints the answers in input order, and stops everything it started. Nothing but the package registry is
needed, and no key.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
FOLDER = Path(".overnight") / "demo"
CONFIG = FOLDER / "config.yaml"
OUTPUT = FOLDER / "output.jsonl"
GATEWAY_PORT = 4000
PATIENCE_SECONDS = 180
STOP_SECONDS = 30

console = Console()


def main() -> None:
    """Run the demo; leave only its folder behind."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    OUTPUT.unlink(missing_ok=True)
    port = _port()
    started = time.monotonic()
    console.print("Starting a language model (SmolLM2, 135 million parameters) on loopback …")
    with _model() as api_base:
        CONFIG.write_text(_config(api_base))
        console.print(f"Starting Overnight: Temporal, worker, gateway (log: {FOLDER / 'serve.log'}) …")
        with _overnight(port) as ui:
            _submit(port)
            _show_answers()
            batch_seconds = time.monotonic() - started
            _show_places(port, ui, batch_seconds)
    console.print("Everything the demo started is stopped.")


def _submit(port: int) -> None:
    command = [_overnight_command(), "submit", str(HERE / "requests.jsonl"), "--wait", "-o", str(OUTPUT)]
    environ = {**os.environ, "OVERNIGHT_URL": f"http://127.0.0.1:{port}"}
    subprocess.run(command, check=True, env=environ)


def _show_answers() -> None:
    asked = {line["custom_id"]: line for line in _lines(HERE / "requests.jsonl")}
    table = Table("request", "prompt", "answer", "tokens", "seconds", show_lines=True)
    for line in _lines(OUTPUT):
        body = line["response"]["body"]
        prompt = asked[line["custom_id"]]["body"]["messages"][-1]["content"]
        answer = body["choices"][0]["message"]["content"].strip()
        tokens = str(body["usage"]["total_tokens"])
        table.add_row(line["custom_id"], prompt, answer, tokens, _seconds(body))
    console.print(table)


def _seconds(body: dict[str, Any]) -> str:
    timings = body.get("timings", {})
    return f"{(timings.get('prompt_ms', 0) + timings.get('predicted_ms', 0)) / 1000:.1f}"


def _show_places(port: int, ui: str, seconds: float) -> None:
    batch = httpx2.get(f"http://127.0.0.1:{port}/v1/batches", trust_env=False).json()["data"][0]
    counts, usage = batch["request_counts"], batch["usage"]
    took = batch["completed_at"] - batch["created_at"]
    console.print(
        f"[bold]{counts['completed']} of {counts['total']}[/] answered, {counts['failed']} failed, "
        f"{usage['total_tokens']:,} tokens; the batch took {took} s, all of it {seconds:.0f} s."
    )
    console.print(f"Output file:  {OUTPUT.resolve()}")
    console.print(f"Temporal UI:  {ui}/namespaces/default/workflows/{batch['id']}")
    console.print(f"API docs:     http://127.0.0.1:{port}/docs")
    if sys.stdin.isatty():
        console.input("Have a look around; press Enter to stop. ")


@contextmanager
def _model() -> Iterator[str]:
    command = [sys.executable, str(HERE / "model_server.py")]
    with (
        (FOLDER / "model.log").open("wb") as log,
        _stopped(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)) as process,
    ):
        assert process.stdout is not None
        for line in process.stdout:
            if " at http" in line:
                yield line.rsplit(" at ", 1)[1].strip()
                return
        sys.exit(f"The model server did not start; see {FOLDER / 'model.log'}.")


@contextmanager
def _overnight(port: int) -> Iterator[str]:
    command = [
        _overnight_command(),
        "serve",
        *("--config", str(CONFIG)),
        *("--port", str(port)),
        *("--data-dir", str(FOLDER / "data")),
    ]
    with (
        (FOLDER / "serve.log").open("wb") as log,
        _stopped(subprocess.Popen(command, stdout=log, stderr=log)) as process,
    ):
        _wait_ready(process, port)
        running = json.loads((FOLDER / "data" / "serve.json").read_text())
        yield running["temporal_ui"]


def _wait_ready(process: "subprocess.Popen[Any]", port: int) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if httpx2.get(f"http://127.0.0.1:{port}/health/readiness", trust_env=False).is_success:
                return
        except httpx2.HTTPError:
            pass
        time.sleep(0.2)
    sys.exit(f"Overnight did not get ready; see {FOLDER / 'serve.log'}.")


@contextmanager
def _stopped(process: "subprocess.Popen[Any]") -> Iterator["subprocess.Popen[Any]"]:
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()


def _config(api_base: str) -> str:
    return (HERE / "config.yaml").read_text().replace("http://127.0.0.1:8080/v1", api_base)


def _overnight_command() -> str:
    return str(Path(sys.executable).with_name("overnight"))


def _port() -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", GATEWAY_PORT))
        except OSError:
            probe.bind(("127.0.0.1", 0))
            console.print(f"Port {GATEWAY_PORT} is taken; using another.")
        return int(probe.getsockname()[1])


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


if __name__ == "__main__":
    main()
