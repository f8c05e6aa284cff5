"""Every command of README.md, run as it stands there, in a folder that has nothing but the checkout.

Only the ports are others, so that a machine where something runs already can run this too. And what pages
send their readers to is there.
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

from tests.acceptance.command_line import overnight
from tests.ports import free_port

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
PAGES = [*CHECKOUT.glob("*.md"), *CHECKOUT.glob("docs/**/*.md")]
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


def test_the_providers_of_the_example_are_configured(tmp_path: Path) -> None:
    (config,) = (block for block in blocks("yaml") if "model_list:" in block)
    (tmp_path / "config.yaml").write_text(config)
    keys = {"OPENAI_API_KEY": "sk-1", "AZURE_API_KEY": "sk-2", "OVERNIGHT_MASTER_KEY": "sk-3"}
    said, _ = overnight("check", "config.yaml", "--offline", cwd=tmp_path, keys=keys)
    for model in re.findall("model_name: ([^ \n]+)", config):
        assert model in said


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text()):
        if target.startswith(("http://", "https://")):
            continue
        path, _, heading = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), target
        assert not heading or heading in headings(there), target


def headings(page: Path) -> set[str]:
    """Return what links to a page's headings are written as, by GitHub's rules."""
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\s-]", "", title).strip().lower().replace(" ", "-") for title in titles}
