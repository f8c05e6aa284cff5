"""Every command of README.md, run as it stands there, in a folder that has nothing but the checkout.

Only the ports are others, so that a machine where something runs already can run this too.
"""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.ports import free_port

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
WITHIN_SECONDS = 300
PORTS = ("4000", "4001", "8080", "7233")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the checkout's files and its `.venv`, and nothing that was made by running."""
    # So that `make install` finds nothing to do there: it would install this folder in place of the checkout.
    subprocess.run(["make", "--silent", ".venv/.dev", ".venv/.demo"], cwd=CHECKOUT, check=True)
    for name in (".venv", "Makefile", "examples", "pyproject.toml"):
        (tmp_path / name).symlink_to(CHECKOUT / name)
    return tmp_path


@contextmanager
def shell(script: str, *, cwd: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run `script` in a session of its own, and end whatever it left in the background."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "OVERNIGHT_"))
    }
    with (cwd / "output.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=cwd,
            env=clean,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait()


def test_the_quick_start_does_what_it_says(folder: Path) -> None:
    (python,) = blocks("python")
    (folder / "sdk.py").write_text(python)
    demo, *quick_start = blocks("bash")
    assert demo == "make demo\n"
    (several,) = blocks("sh")
    embedded = "--temporal-port 7233"
    script = "\n".join([*quick_start, f"{sys.executable} sdk.py > answers-sdk.jsonl", several, "touch done"])
    script = script.replace("overnight serve ", f"overnight serve {embedded} ")
    (folder / "examples").unlink()
    (folder / "examples").mkdir()
    for name in ("config.yaml", "requests.jsonl"):
        (folder / "examples" / name).write_text((CHECKOUT / "examples" / name).read_text())
    ports = {port: str(free_port()) for port in PORTS}
    for path in (folder / "examples" / "config.yaml", folder / "sdk.py"):
        path.write_text(_with_ports(path.read_text(), ports))
    environ = f"export OVERNIGHT_URL=http://127.0.0.1:{ports['4000']}\n"
    script = environ + _with_ports(script, ports).replace(
        "overnight serve ", f"overnight serve --port {ports['4000']} "
    )
    with shell(script + "\nkill $(jobs -p); wait", cwd=folder) as process:
        process.wait(WITHIN_SECONDS)
    log = (folder / "output.log").read_text()
    assert (folder / "done").exists(), log[-4000:]
    assert len((folder / "answers.jsonl").read_text().splitlines()) == 20
    assert len((folder / "answers-sdk.jsonl").read_text().strip().splitlines()) == 20


def _with_ports(text: str, ports: dict[str, str]) -> str:
    for port, other in ports.items():
        text = text.replace(port, other)
    return text


def test_the_demo_runs_a_real_batch_on_a_real_model_and_stops_everything(folder: Path) -> None:
    with shell(blocks("bash")[0], cwd=folder) as process:
        code = process.wait(WITHIN_SECONDS)
    said = (folder / "output.log").read_text()
    assert code == 0, said[-4000:]
    assert "20 of 20 answered, 0 failed" in said
    assert len((folder / ".overnight" / "demo" / "output.jsonl").read_text().splitlines()) == 20
    assert "Everything the demo started is stopped." in said
