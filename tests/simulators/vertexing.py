"""What the tests of the simulated Vertex AI share: rows, plain HTTP, a control door."""

import json
from typing import Any, Final
from urllib.parse import quote

import httpx2

from simulators.vertex.server import VertexSimulator

BUCKET: Final = "rehearsal"
GEMINI: Final = "publishers/google/models/gemini-2.5-flash-lite"
CLAUDE: Final = "publishers/anthropic/models/claude-sonnet-4-5@20250929"
PARENT: Final = "/v1/projects/my-project/locations/us-central1"
JOBS: Final = f"{PARENT}/batchPredictionJobs"
HOUR: Final = 3600


def ask(text: str, **request: Any) -> dict[str, Any]:
    """Return a row for Gemini that says `text`."""
    return {"request": {"contents": [{"role": "user", "parts": [{"text": text}]}], **request}}


def asks(count: int) -> list[dict[str, Any]]:
    """Return so many rows, each labelled with its number."""
    return [ask(f"hello {number}", labels={"line": f"r-{number}"}) for number in range(count)]


def jsonl(rows: list[Any]) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def order(uri: str, **changed: Any) -> dict[str, Any]:
    """Return what a job is created with."""
    return {
        "displayName": "shard-1",
        "model": GEMINI,
        "inputConfig": {"instancesFormat": "jsonl", "gcsSource": {"uris": [uri]}},
        "outputConfig": {
            "predictionsFormat": "jsonl",
            "gcsDestination": {"outputUriPrefix": f"gs://{BUCKET}/out"},
        },
        **changed,
    }


def label(row: dict[str, Any]) -> str:
    return str(row["request"]["labels"]["line"])


class VertexRehearsal:
    """A simulated Vertex AI whose time stands still, its storage, and the control door."""

    def __init__(self, simulator: VertexSimulator, http: httpx2.AsyncClient, gcs: str) -> None:
        self.simulator = simulator
        self.http = http
        self.gcs = gcs

    # --- the storage ---------------------------------------------------------------------------

    async def put(self, name: str, content: bytes) -> str:
        """Upload an object, and return its URI."""
        url = f"{self.gcs}/upload/storage/v1/b/{BUCKET}/o?uploadType=media&name={quote(name, safe='')}"
        # The emulator would take anything that begins with application/json for JSON.
        headers = {"Content-Type": "application/octet-stream"}
        answer = await self.http.post(url, content=content, headers=headers)
        assert answer.status_code == 200, answer.text
        return f"gs://{BUCKET}/{name}"

    async def remove(self, uri: str) -> None:
        name = uri.removeprefix(f"gs://{BUCKET}/")
        answer = await self.http.delete(f"{self.gcs}/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}")
        assert answer.status_code in {200, 204}, answer.text

    async def names(self, job: Any) -> list[str]:
        """Return the names of the files in the folder of a job's results."""
        prefix = job["outputInfo"]["gcsOutputDirectory"].removeprefix(f"gs://{BUCKET}/") + "/"
        answer = await self.http.get(f"{self.gcs}/storage/v1/b/{BUCKET}/o?prefix={quote(prefix, safe='')}")
        return sorted(item["name"].removeprefix(prefix) for item in answer.json().get("items", []))

    async def rows(self, job: Any, name: str = "predictions.jsonl") -> list[Any]:
        """Return the rows of one file of a job's results."""
        folder = job["outputInfo"]["gcsOutputDirectory"].removeprefix(f"gs://{BUCKET}/")
        path = quote(f"{folder}/{name}", safe="")
        answer = await self.http.get(f"{self.gcs}/storage/v1/b/{BUCKET}/o/{path}?alt=media")
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.content.splitlines()]

    # --- Vertex AI -----------------------------------------------------------------------------

    async def create(self, rows: list[Any], **changed: Any) -> Any:
        """Upload rows and create a job of them."""
        uri = await self.put("in/rows.jsonl", jsonl(rows))
        return await self.said(await self.http.post(JOBS, json=order(uri, **changed)))

    async def get(self, job: Any) -> Any:
        return await self.said(await self.http.get(f"/v1/{job['name']}"))

    async def finish(self, rows: list[Any], *, after: float = 100, **changed: Any) -> Any:
        """Create a job and look at it after so many seconds of the provider's time."""
        created = await self.create(rows, **changed)
        await self.wait(after)
        return await self.get(created)

    async def listed(self, **query: Any) -> list[Any]:
        page = await self.said(await self.http.get(JOBS, params=query))
        return list(page.get("batchPredictionJobs", []))

    async def said(self, answer: httpx2.Response) -> Any:
        """Return what was answered to a call that is to succeed."""
        assert answer.status_code == 200, answer.text
        return answer.json()

    # --- the control door ----------------------------------------------------------------------

    async def order(self, path: str, said: object = None, *, status: int = 200) -> None:
        answer = await self.http.post(self.simulator.control_url + path, json=said or {})
        assert answer.status_code == status, answer.text

    async def look(self, path: str = "") -> Any:
        return (await self.http.get(self.simulator.control_url + path)).json()

    async def wait(self, seconds: float) -> None:
        await self.order("/clock", {"advance_seconds": seconds})

    async def doom(self, **fate: Any) -> None:
        """Give the job that is created next a fate."""
        await self.order("/faults", {"job": fate, "times": 1})


def error_of(answer: httpx2.Response) -> tuple[int, str, str]:
    """Return the HTTP status, Google's word for it, and the message."""
    error = answer.json()["error"]
    assert error["code"] == answer.status_code
    return answer.status_code, error["status"], error["message"]
