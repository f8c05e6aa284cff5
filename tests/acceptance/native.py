"""Simulated providers with a batch API, in processes of their own, and how Overnight is pointed at them."""

import json
import signal
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final, Self

import httpx2
from openai import OpenAI

from tests.acceptance.deaths import KILLING
from tests.acceptance.inputs import assert_every_line_once
from tests.acceptance.serving import results, until
from tests.ports import free_port

KEY: Final = "sk-of-the-provider"
OLD_KEY: Final = "sk-that-was-withdrawn"
KEYS: Final = {"PROVIDER_KEY": KEY, "OLD_KEY": OLD_KEY}

VERSION = "gpt-4o-mini-2025-08-07"
"""A name under which OpenAI's model answers, too; when asked as anything else it answers as its version."""

SPEED = 20
"""How fast the providers' time passes: a job takes 12 seconds of theirs, 0.6 of ours."""

NEVER = 20_000
"""Seconds of theirs that nobody waits for: until a test lets them pass."""

LIST_LAG_SECONDS = 3
"""What Overnight is told of the providers' lists: longer than it takes it to try again."""


POINTS: Final = {
    "the upload was taken": "overnight.providers.openai:OpenAIProvider.upload:1:done",
    "the create was accepted": "overnight.providers.openai:OpenAIProvider.submit:1:done",
    "the job was noted": "overnight.catalog.catalog:Catalog.note_job:1:done",
    "in the middle of the download": "overnight.native_lane.result_record:Translation.record:4",
    "before a file is deleted": "overnight.providers.openai:OpenAIProvider.delete_file:1",
    "a shard was sealed": "activities.seal:seal_shard:1:done",
    "prices were quoted": "activities.charging:quote:1",
    "in the middle of charging": "overnight.receipts.charging:_Charging.charged:7",
    "a shard was charged": "activities.charging:charge_shard:1:done",
    "the receipt was written": "activities.collect:Collect._receipt:1:done",
    "the cost was recorded": "overnight.catalog.spend_rows:write:1:done",
}
"""Where the worker can be killed: by default, after what the name says."""


class Provider:
    """`overnight simulate openai` or `azure`, and the control door behind which a test looks."""

    def __init__(self, kind: str, *options: str) -> None:
        port = free_port()
        self.origin = f"http://127.0.0.1:{port}"
        self._control = f"{self.origin}/_simulator"
        self._door = httpx2.Client(timeout=60)
        self._command = [
            *(str(Path(sys.executable).with_name("overnight")), "simulate", kind),
            *("--port", str(port), "--key", KEY, "--speed", str(SPEED), *options),
        ]
        self._process: subprocess.Popen[bytes] | None = None

    # --- what there is -------------------------------------------------------------------------

    def look(self) -> Any:
        """Return all that the control door shows."""
        return self._door.get(self._control).raise_for_status().json()

    def jobs(self, batch: Any) -> list[Any]:
        """Return the jobs that were made for a batch, oldest first."""
        return _jobs(self.look(), batch)

    def files(self, batch: Any) -> list[Any]:
        """Return the files that are there for a batch: inputs and results."""
        seen = self.look()
        jobs = {job["id"] for job in _jobs(seen, batch)}
        return [file for file in seen["files"] if file["job"] in jobs or _names(batch, [file["filename"]])]

    def calls(self, verb: str) -> int:
        """Return how often this was asked of it so far."""
        return int(self.look()["calls"].get(verb, 0))

    # --- what is to happen ---------------------------------------------------------------------

    def fault(self, **fault: Any) -> None:
        """Have calls go wrong."""
        self._order("/faults", fault)

    def doom(self, *, times: int = 1, **fate: Any) -> None:
        """Give the jobs that are created next a fate."""
        self._order("/faults", {"job": fate, "times": times})

    def rule(self, **rules: Any) -> None:
        """Change how it behaves while nothing is wrong."""
        self._order("/rules", rules)

    def let_pass(self, seconds: float) -> None:
        """Put its clock forward."""
        self._order("/clock", {"advance_seconds": seconds})

    def heal(self) -> None:
        """Have nothing go wrong with what comes next."""
        self._door.delete(f"{self._control}/faults").raise_for_status()
        self.rule(models=None, enqueued_tokens=None, over_enqueued="late")

    # --- its process ---------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        try:
            until(self._up)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def _stop(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self._door.close()

    def _up(self) -> bool:
        try:
            return self._door.get(self._control).status_code == 200
        except httpx2.HTTPError:
            return False

    def _order(self, path: str, said: Any) -> None:
        answer = self._door.post(self._control + path, json=said)
        assert answer.status_code == 200, answer.text


def dying_on_order(folder: Path) -> dict[str, str]:
    """Return the environment in which processes die at those of POINTS that `order_deaths` names."""
    return {"PYTHONPATH": KILLING, "KILL_AT": " ".join(POINTS.values()), "KILL_ORDERS": str(_orders(folder))}


def order_deaths(folder: Path, *points: str) -> None:
    """Have the worker of the `serve` in `folder` killed at these points, one after the other."""
    _orders(folder).write_text("\n".join(POINTS[point] for point in points))


def deaths_to_come(folder: Path) -> int:
    """Return at how many points it still is to die."""
    return len(_orders(folder).read_text().split())


def config(openai: Provider, azure: Provider | None = None, **batch_settings: Any) -> str:
    """Return a config.yaml with the models of the native lane; it is JSON, which is YAML."""
    entries = [
        _at_openai("night", openai, model=f"openai/{VERSION}"),
        # Refused, and refused with another to go to: the first of two that are free is asked first.
        _at_openai("locked", openai, api_key="os.environ/OLD_KEY"),
        _at_openai("spare", openai, api_key="os.environ/OLD_KEY"),
        _at_openai("spare", openai),
        # A limit that was met is remembered for a while, so each test that meets one has its own.
        _at_openai("narrow-late", openai, model="openai/narrow-late"),
        _at_openai("narrow-400", openai, model="openai/narrow-400"),
        _at_openai("narrow-reset", openai, model="openai/narrow-reset"),
    ]
    if azure:
        entries += [_at_azure("azure-v1", azure), _at_azure("azure-dated", azure, api_version="2024-10-21")]
        entries += [_at_openai("either", openai), _at_azure("either", azure)]
    settings = {"poll_initial_seconds": 0.1, "poll_max_seconds": 0.5, **batch_settings}
    return json.dumps({"model_list": entries, "batch_settings": settings}, indent=2)


def waiting_on(sdk: OpenAI, batch: Any) -> str:
    """Return what a batch says that it waits for."""
    extension: Any = sdk.batches.retrieve(batch.id).model_extra
    return extension["overnight"]["waiting_on"] or ""


def assert_stopped_short(sdk: OpenAI, batch: Any, *, done: int, of: int, code: str) -> None:
    """Check that a provider's answers are there, `done` of them, and that the rest ended with `code`."""
    assert (batch.request_counts.completed, batch.request_counts.failed) == (done, of - done)
    assert_every_line_once(sdk, batch, of)
    for line in results(sdk, batch.error_file_id):
        assert line["response"] is None
        assert line["error"]["code"] == code
        assert line["error"]["message"]
    assert batch.usage.total_tokens > 0


def assert_done_once(provider: Provider, batch: Any) -> None:
    """Check that one job was left to run for a batch, and wait until nothing else of it is there."""
    left = [job for job in provider.jobs(batch) if not job["is_cancelled"]]
    assert len(left) == 1, left
    assert_nothing_left(provider, batch)


def assert_nothing_left(provider: Provider, batch: Any) -> None:
    """Wait until no file of a batch is at the provider any more."""
    until(lambda: not provider.files(batch))


def _at_openai(name: str, openai: Provider, **params: Any) -> dict[str, Any]:
    return entry(name, {"api_base": f"{openai.origin}/v1", "batch_lane": "native", **params}, "openai")


def _at_azure(name: str, azure: Provider, **params: Any) -> dict[str, Any]:
    return entry(name, {"api_base": azure.origin, **params}, "azure")


def entry(name: str, params: dict[str, Any], provider: str) -> dict[str, Any]:
    """Return an entry of the native lane's, with a key that is good."""
    usual = {
        "model": f"{provider}/gpt-4o-mini",
        "api_key": "os.environ/PROVIDER_KEY",
        "batch_list_lag_seconds": LIST_LAG_SECONDS,
    }
    return {"model_name": name, "litellm_params": {**usual, **params}}


def _orders(folder: Path) -> Path:
    return folder / "deaths"


def _jobs(seen: Any, batch: Any) -> list[Any]:
    return [job for job in seen["jobs"] if _names(batch, (job["metadata"] or {}).values())]


def _names(batch: Any, marks: Iterable[str]) -> bool:
    return any(mark.startswith(f"{batch.id}.") for mark in marks)
