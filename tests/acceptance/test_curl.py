"""The curl lines that people already have, word for word but for port and ids; and who is let in."""

import json
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from openai import AuthenticationError, OpenAI

from tests.acceptance.conftest import CONFIG
from tests.acceptance.inputs import submit, upload, write_requests
from tests.acceptance.serving import Served, ended
from tests.acceptance.simulated import Endpoint

UPLOAD = r"""
curl http://localhost:4000/v1/files \
    -H "Authorization: Bearer sk-1234" \
    -F purpose="batch" \
    -F file="@mydata.jsonl"
"""
CREATE = r"""
curl http://localhost:4000/v1/batches \
        -H "Authorization: Bearer sk-1234" \
        -H "Content-Type: application/json" \
        -d '{
            "input_file_id": "file-abc123",
            "endpoint": "/v1/chat/completions",
            "completion_window": "24h"
    }'
"""
RETRIEVE = r"""
curl http://localhost:4000/v1/batches/batch_abc123 \
    -H "Authorization: Bearer sk-1234" \
    -H "Content-Type: application/json" \
"""
LIST = r"""
curl http://localhost:4000/v1/batches \
    -H "Authorization: Bearer sk-1234" \
    -H "Content-Type: application/json" \
"""
MASTER_KEY = "sk-master-of-the-night"


def said(command: str, *, folder: Path) -> str:
    done = subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout


def curl(served: Served, *arguments: str) -> tuple[int, dict[str, str], str]:
    """Return status, headers and body of one request."""
    command = shlex.join(["curl", "--silent", "--include", *arguments]).replace("GATEWAY", served.url)
    head, _, body = said(command, folder=served.folder).partition("\n\n")
    status, *fields = head.splitlines()
    pairs = (field.partition(": ") for field in fields)
    return int(status.split()[1]), {name.lower(): value for name, _, value in pairs}, body


@pytest.mark.parametrize("version", ["/v1", ""], ids=["with-v1", "without-v1"])
def test_the_lines_of_the_page_take_a_batch_through(
    served: Served, client: OpenAI, tmp_path: Path, version: str
) -> None:
    write_requests(tmp_path / "mydata.jsonl", 3)

    def run(command: str, **ids: str) -> Any:
        text = command.replace("localhost:4000/v1", f"localhost:{served.port}{version}")
        text = text.replace("file-abc123", ids.get("file", "")).replace("batch_abc123", ids.get("batch", ""))
        return json.loads(said(text, folder=tmp_path))

    file = run(UPLOAD)
    assert (file["object"], file["purpose"], file["filename"]) == ("file", "batch", "mydata.jsonl")
    batch = run(CREATE, file=file["id"])
    assert (batch["object"], batch["input_file_id"]) == ("batch", file["id"])
    assert ended(client, batch["id"], log=served.log).status == "completed"
    retrieved = run(RETRIEVE, batch=batch["id"])
    assert retrieved["request_counts"] == {"total": 3, "completed": 3, "failed": 0}
    listed = run(LIST)
    assert (listed["object"], listed["first_id"]) == ("list", batch["id"])
    assert listed["data"][0] == retrieved


@pytest.mark.parametrize(
    ("status", "arguments"),
    [
        (200, ["GATEWAY/health/liveliness"]),
        (200, ["GATEWAY/health/readiness"]),
        (200, ["GATEWAY/v1/models"]),
        (200, ["GATEWAY/docs"]),
        (404, ["GATEWAY/v1/batches/batch_of_nobody"]),
        (404, ["GATEWAY/v1/nothing/here"]),
        (405, ["-X", "PUT", "GATEWAY/v1/batches"]),
        (400, ["-X", "POST", "GATEWAY/v1/batches"]),
        (400, ["-F", "purpose=batch", "GATEWAY/v1/files"]),
    ],
)
def test_every_response_has_a_request_id(served: Served, status: int, arguments: list[str]) -> None:
    got, headers, body = curl(served, *arguments)

    assert got == status
    assert headers["x-request-id"].startswith("req_")
    if status >= 400:
        assert set(json.loads(body)["error"]) == {"message", "type", "param", "code"}


def test_a_callers_own_request_id_comes_back(served: Served) -> None:
    _, headers, _ = curl(served, "-H", "x-request-id: trace-7", "GATEWAY/v1/files")

    assert headers["x-request-id"] == "trace-7"


def test_readiness_names_every_part(served: Served) -> None:
    _, _, body = curl(served, "GATEWAY/health/readiness")

    assert json.loads(body) == {
        "status": "ready",
        "parts": {"temporal": "ok", "catalog": "ok", "storage": "ok"},
        "buckets": [],
    }


def test_the_docs_describe_what_is_served(served: Served) -> None:
    _, headers, page = curl(served, "GATEWAY/docs")
    _, _, description = curl(served, "GATEWAY/openapi.json")

    assert headers["content-type"].startswith("text/html")
    assert "/openapi.json" in page
    paths = json.loads(description)["paths"]
    assert {
        "/v1/files",
        "/v1/files/{file_id}/content",
        "/v1/batches",
        "/v1/batches/{batch_id}/cancel",
    } <= set(paths)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, shared_endpoint: Endpoint) -> Iterator[Served]:
    """An `overnight serve` with a master key."""
    config = CONFIG.format(api_base=shared_endpoint.base_url, parallel=8)
    config += "\ngeneral_settings:\n  master_key: os.environ/NIGHT_KEY\n"
    environ = {"NIGHT_KEY": MASTER_KEY}
    served = Served(tmp_path_factory.mktemp("guarded"), config=config, environ=environ)
    try:
        yield served.start()
    finally:
        served.stop()


def test_only_the_master_key_opens_a_guarded_gateway(guarded: Served, tmp_path: Path) -> None:
    path = write_requests(tmp_path / "in.jsonl", 2)
    wrong = guarded.client

    with pytest.raises(AuthenticationError) as refused:
        wrong.batches.list()
    with pytest.raises(AuthenticationError):
        upload(wrong, path)

    assert isinstance(refused.value.body, dict)
    assert set(refused.value.body) == {"message", "type", "param", "code"}
    assert refused.value.code == "invalid_api_key"
    assert wrong.api_key not in str(refused.value.body)
    assert curl(guarded, "GATEWAY/v1/batches")[0] == 401
    status, _, body = curl(guarded, "GATEWAY/health/readiness")
    assert (status, set(json.loads(body))) == (200, {"status", "parts"})
    _, _, body = curl(guarded, "-H", f"Authorization: Bearer {MASTER_KEY}", "GATEWAY/health/readiness")
    assert set(json.loads(body)) == {"status", "parts", "buckets"}
    right = wrong.with_options(api_key=MASTER_KEY)
    assert list(right.files.list()) == []
    assert ended(right, submit(right, path).id, log=guarded.log).request_counts.completed == 2
    assert MASTER_KEY not in guarded.log.read_text()
