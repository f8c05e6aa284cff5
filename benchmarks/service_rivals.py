"""What `service.py` compares, each started as its users start it, over the same simulated provider.

LiteLLM goes into a virtual environment of its own, in the user's cache folder, since it pins what Overnight
uses in other versions.
"""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import platformdirs
import psutil

from benchmarks.native_lane import JOB_SECONDS, Provider, answers, free_ports, overnight, started, until

LITELLM = "1.108.7"
"""The newest release whose proxy could be installed, as its documentation says, where this was measured."""

MODEL = "gpt-4o-mini"
PROVIDER_KEY = "sk-simulated"
_RESET_PEAK = "5"
_KIB = 1024


@dataclass(frozen=True, slots=True)
class Rival:
    """A running service: where it is, how it is called, its processes, and which of them answers HTTP."""

    name: str
    origin: str
    root: int
    gateway: int
    key: str = field(repr=False)

    def cpu_seconds(self) -> float:
        """Return what all its processes have used, the kernel's work for them included."""
        root = psutil.Process(self.root)
        return sum(_cpu_seconds(each) for each in (root, *root.children(recursive=True)))

    def gateway_cpu_seconds(self) -> float:
        """Return what the process that answers HTTP has used, in all its threads."""
        return _cpu_seconds(psutil.Process(self.gateway))

    def resident(self) -> int:
        """Return how many bytes of memory the process that answers HTTP has."""
        return int(psutil.Process(self.gateway).memory_info().rss)

    def forget_peak(self) -> None:
        """Have `peak` count from now on."""
        Path(f"/proc/{self.gateway}/clear_refs").write_text(_RESET_PEAK)

    def peak(self) -> int:
        """Return how many bytes of memory that process had at most."""
        status = Path(f"/proc/{self.gateway}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) * _KIB


@dataclass(frozen=True, slots=True)
class Field:
    """All that take part: the provider, called directly too, as the least there could be."""

    provider: Provider
    direct: Rival
    rivals: Sequence[Rival]


def _cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


@contextmanager
def running(folder: Path, *, litellm: str) -> Iterator[Field]:
    """Start the provider, Overnight and LiteLLM's proxy, and wait until all of them are ready."""
    command = installed(litellm)
    (port,) = free_ports(1)
    provider, key = Provider(port), f"sk-{secrets.token_hex(32)}"
    simulate = ("simulate", "openai", "--port", str(port), "--seconds", str(JOB_SECONDS))
    with overnight(*simulate, folder=folder) as process:
        until(provider.is_ready, process=process)
        direct = Rival("no gateway", provider.origin, process.pid, process.pid, PROVIDER_KEY)
        with (
            _overnight(folder, provider.origin, key) as ours,
            _litellm(folder, provider.origin, key, command=command, release=litellm) as theirs,
        ):
            yield Field(provider, direct, (ours, theirs))


def installed(release: str) -> Path:
    """Return LiteLLM's command, installed first if it is not there yet."""
    home = Path(platformdirs.user_cache_dir("overnight-benchmarks")) / f"litellm-{release}"
    done = home / "installed"
    if not done.exists():
        print(f"installing litellm[proxy]=={release} in {home}", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", home], check=True)
        pip = (home / "bin" / "python", "-m", "pip", "install", "--quiet")
        subprocess.run([*pip, f"litellm[proxy]=={release}"], check=True)
        done.touch()
    return home / "bin" / "litellm"


@contextmanager
def _overnight(folder: Path, provider: str, key: str) -> Iterator[Rival]:
    """Run `overnight serve`: gateway, worker and Temporal, its rows and files in the folder."""
    deployment = {**_deployment(provider), "batch_lane": "native"}
    entry = {"model_name": MODEL, "litellm_params": deployment}
    config = {"model_list": [entry], "general_settings": {"master_key": key}}
    (folder / "overnight.yaml").write_text(json.dumps(config))
    port, temporal, ui = free_ports(3)
    ports = ("--port", port, "--temporal-port", temporal, "--temporal-ui-port", ui)
    origin = f"http://127.0.0.1:{port}"
    with overnight("serve", "--config", "overnight.yaml", *map(str, ports), folder=folder) as process:
        until(lambda: answers(f"{origin}/health/readiness"), process=process)
        children = json.loads((folder / ".overnight" / "serve.json").read_text())["children"]
        yield Rival(f"Overnight {version('overnight')}", origin, process.pid, children["gateway"], key)


@contextmanager
def _litellm(folder: Path, provider: str, key: str, *, command: Path, release: str) -> Iterator[Rival]:
    """Run LiteLLM's proxy, which passes files and batches through to the provider; it needs no database."""
    deployment = _deployment(provider)
    config = {
        "model_list": [{"model_name": MODEL, "litellm_params": deployment}],
        "files_settings": [
            {"custom_llm_provider": "openai", "api_base": deployment["api_base"], "api_key": PROVIDER_KEY}
        ],
        "general_settings": {"master_key": key},
    }
    (folder / "litellm.yaml").write_text(json.dumps(config))
    (port,) = free_ports(1)
    origin = f"http://127.0.0.1:{port}"
    arguments = ("--config", "litellm.yaml", "--host", "127.0.0.1", "--port", str(port))
    environment = _litellm_environment(deployment["api_base"])
    with started([str(command), *arguments], folder=folder, log="litellm.log", env=environment) as process:
        until(lambda: answers(f"{origin}/health/liveliness"), process=process)
        yield Rival(f"LiteLLM {release}", origin, process.pid, process.pid, key)


def _deployment(provider: str) -> dict[str, str]:
    return {"model": f"openai/{MODEL}", "api_base": f"{provider}/v1", "api_key": PROVIDER_KEY}


def _litellm_environment(api_base: str) -> dict[str, str]:
    """Return where batches go (files have a setting for that), and that it is to use its own price list."""
    ours = ("PYTHON", "OPENAI_", "LITELLM_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    told = {"OPENAI_API_KEY": PROVIDER_KEY, "OPENAI_BASE_URL": api_base}
    return {**clean, **told, "LITELLM_LOCAL_MODEL_COST_MAP": "True"}
