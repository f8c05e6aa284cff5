"""`overnight serve` as a real process: up, hurt, healed, down, and nothing left behind."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest

import cli
from tests.ports import free_port

PATIENCE_SECONDS = 90
CODE = Path(cli.__file__).parent.parent
CONFIG = (
    'model_list: [{model_name: m, litellm_params: {model: hosted_vllm/m, api_base: "http://127.0.0.1:9/v1"}}]'
)


def until(condition: Callable[[], Any], *, log: Path) -> Any:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        if found := condition():
            return found
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.05)


def gone(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


class Serving:
    """`overnight serve` on ports of its own, in a folder of its own."""

    def __init__(self, folder: Path, *, config: str = CONFIG) -> None:
        self.folder = folder
        self.log = folder / "log"
        self.port = str(free_port())
        self._ports = (
            "--port",
            self.port,
            "--temporal-port",
            str(free_port()),
            "--temporal-ui-port",
            str(free_port()),
        )
        (folder / "config.yaml").write_text(config)
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("TEMPORAL_")}
        command = [sys.executable, "-P", "-m", "cli", "serve", "--config", "config.yaml", *self._ports]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [*command, *arguments],
                cwd=self.folder,
                env={**clean, "PYTHONPATH": os.pathsep.join([str(CODE), os.environ.get("PYTHONPATH", "")])},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return self.process

    def wait_ready(self) -> None:
        until(self.is_ready, log=self.log)

    def is_ready(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text()
        try:
            return httpx2.get(
                f"http://127.0.0.1:{self.port}/health/readiness", trust_env=False, timeout=60
            ).is_success
        except httpx2.TransportError:
            return False

    def noted(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / ".overnight" / "serve.json").read_text())
        return found

    def pids(self) -> list[int]:
        noted = self.noted()
        return [noted["pid"], *noted["children"].values()]

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    def refusal(self, *arguments: str) -> str:
        process = self.start(*arguments)
        assert process.wait(PATIENCE_SECONDS) == 1, self.log.read_text()
        return self.log.read_text()


@pytest.fixture
def serving(tmp_path: Path) -> Iterator[Serving]:
    serving = Serving(tmp_path)
    yield serving
    if serving.process and serving.process.poll() is None:
        serving.process.terminate()
        serving.process.wait(PATIENCE_SECONDS)


def test_it_says_where_everything_is_and_stops_in_order(serving: Serving) -> None:
    process = serving.start()
    serving.wait_ready()
    until(lambda: "Overnight is ready." in serving.log.read_text(), log=serving.log)
    noted, pids = serving.noted(), serving.pids()

    process.send_signal(signal.SIGINT)

    assert process.wait(PATIENCE_SECONDS) == 0, serving.log.read_text()
    said = serving.log.read_text()
    for place in (f"{noted['url']}/v1", f"{noted['url']}/docs", noted["temporal_ui"], ".overnight"):
        assert place in said
    assert "no master key" in said
    assert [e["child"] for e in serving.events() if e.get("event") == "child stopped"] == [
        "gateway",
        "worker",
        "temporal",
    ]
    assert all(gone(pid) for pid in pids)
    assert not (serving.folder / ".overnight" / "serve.json").exists()


def test_every_part_that_is_killed_comes_back(serving: Serving) -> None:
    serving.start()
    serving.wait_ready()

    for part in ("gateway", "worker", "temporal"):
        killed = serving.noted()["children"][part]
        os.kill(killed, signal.SIGKILL)
        until(lambda part=part, killed=killed: serving.noted()["children"][part] != killed, log=serving.log)

    serving.wait_ready()


def test_a_killed_serve_leaves_nothing_behind_and_the_next_one_takes_over_at_once(serving: Serving) -> None:
    process = serving.start()
    serving.wait_ready()
    left = serving.pids()

    process.kill()
    process.wait()
    serving.start()

    serving.wait_ready()
    assert all(gone(pid) for pid in left)


def test_a_second_serve_on_the_same_folder_is_told_who_has_it(serving: Serving, tmp_path: Path) -> None:
    first = serving.start()
    until((tmp_path / ".overnight" / "serve.json").exists, log=serving.log)
    (tmp_path / "second").mkdir()

    said = Serving(tmp_path / "second").refusal("--data-dir", str(tmp_path / ".overnight"))

    assert f"in use by another `overnight serve` (pid {first.pid})" in said


def test_without_a_master_key_it_listens_to_nobody_else(serving: Serving) -> None:
    said = serving.refusal("--host", "192.0.2.1")

    assert "without a master key the gateway listens on loopback only" in said


def test_a_port_that_is_taken_is_said(serving: Serving) -> None:
    with socket.create_server(("127.0.0.1", int(serving.port))):
        assert f"port {serving.port} of 127.0.0.1 is taken" in serving.refusal()


def test_what_is_wrong_with_the_config_is_said_and_nothing_is_started(tmp_path: Path) -> None:
    said = Serving(tmp_path, config="modellist: []").refusal()

    assert "did you mean `model_list`?" in said
    assert "Traceback" not in said
    assert not (tmp_path / ".overnight").exists()
