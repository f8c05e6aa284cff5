"""A simulated Vertex AI and the bucket beside it, in a process of their own, and how Overnight finds them."""

import json
from typing import Any, Final

import httpx2

from tests.acceptance.native import LIST_LAG_SECONDS, Provider
from tests.emulators.google_accounts import account
from tests.ports import free_port

BUCKET: Final = "rehearsal"
FOLDER: Final = "night/rows"
NOBODYS: Final = "nobody-made-it"
"""A bucket that is not there."""

MODELS: Final = {
    "gemini": "gemini-2.5-flash-lite",
    "claude": "claude-sonnet-4-5@20250929",
    "vectors": "gemini-embedding-001",
}
"""What clients call them, and what they are."""


class Vertex(Provider):
    """`overnight simulate vertex`, beside the Cloud Storage at `gcs`, or with an emulator of its own."""

    def __init__(self, gcs: str | None = None) -> None:
        port = free_port()
        self._gcs = gcs or f"http://127.0.0.1:{port}"
        storage = ("--gcs", gcs) if gcs else ("--gcs-port", str(port))
        super().__init__("vertex", *storage, "--bucket", BUCKET)

    @property
    def environ(self) -> dict[str, str]:
        """What a process has to be told: where the bucket is, and as whom to ask."""
        return {
            "STORAGE_EMULATOR_HOST": self._gcs,
            "ACCOUNT": account(token_uri=f"{self.origin}/token"),
        }

    def jobs(self, batch: Any) -> list[Any]:
        """Return the jobs that were made for a batch, oldest first."""
        return [job for job in self.look()["jobs"] if job["display_name"].startswith(f"{batch.id}.")]

    def files(self, batch: Any) -> list[Any]:
        """Return the names of the objects that are in the bucket for a batch."""
        prefix = f"{FOLDER}/{batch.id}."
        answer = httpx2.get(f"{self._gcs}/storage/v1/b/{BUCKET}/o", params={"prefix": prefix}, timeout=60)
        return [item["name"] for item in answer.raise_for_status().json().get("items", [])]

    def heal(self) -> None:
        """Have nothing go wrong with what comes next."""
        self._door.delete(f"{self._control}/faults").raise_for_status()
        self.rule(max_jobs=None)


def config(vertex: Vertex) -> str:
    """Return a config.yaml with the models."""
    entries = [entry(name, model, vertex) for name, model in MODELS.items()]
    # Of two that are free, the first one is asked first.
    entries += [
        entry("astray", MODELS["gemini"], vertex, gcs_bucket_name=NOBODYS),
        entry("spare", MODELS["gemini"], vertex, gcs_bucket_name=NOBODYS),
        entry("spare", MODELS["gemini"], vertex),
    ]
    settings = {"poll_initial_seconds": 0.1, "poll_max_seconds": 0.5}
    return json.dumps({"model_list": entries, "batch_settings": settings}, indent=2)


def entry(name: str, model: str, vertex: Vertex, **more: str) -> dict[str, Any]:
    """Return one entry of `model_list`."""
    params = {
        "model": f"vertex_ai/{model}",
        "api_base": vertex.origin,
        "vertex_project": "my-project",
        "vertex_location": "us-central1",
        "vertex_credentials": "os.environ/ACCOUNT",
        "gcs_bucket_name": f"{BUCKET}/{FOLDER}",
        "batch_list_lag_seconds": LIST_LAG_SECONDS,
        **more,
    }
    return {"model_name": name, "litellm_params": params}
