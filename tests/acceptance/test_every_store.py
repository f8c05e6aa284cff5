"""Both kinds of batches with bytes in every kind of store: a job of Vertex AI's, and lines of our own."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openai.types.chat import ChatCompletion

from overnight.domain.layout import file_key
from tests.acceptance.conftest import Serve
from tests.acceptance.inputs import assert_every_line_once, submit, write_requests
from tests.acceptance.native import assert_done_once
from tests.acceptance.serving import Served, ended, results
from tests.acceptance.simulated import Endpoint
from tests.acceptance.test_buckets import answer_in, assert_bytes_are_in, aws
from tests.acceptance.vertex import MODELS, Vertex, entry
from tests.emulators.azure import AzureServer
from tests.emulators.bucket import Bucket
from tests.emulators.gcs import GcsServer
from tests.emulators.s3 import REGION, S3Server

GEMINI, OWN = "gemini", "own"
"""What runs where: at Vertex AI, and on a server of one's own."""

LINES = 9
PREFIX = "night/batches"


@pytest.fixture(scope="module")
def shared_vertex(gcs: GcsServer) -> Iterator[Vertex]:
    """Beside the Cloud Storage that bytes may live in: a process knows one emulator only."""
    with Vertex(gcs.url) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Store:
    """Where bytes live: what the config says of it, and the environment; no bucket is the data folder."""

    params: dict[str, str]
    environ: dict[str, str]
    bucket: Bucket | None = None


def in_s3(s3: S3Server) -> Store:
    bucket = s3.new_bucket()
    params = {"s3_bucket_name": bucket.bucket, "s3_region_name": REGION, "s3_prefix": PREFIX}
    return Store(params, aws(s3), bucket)


def in_gcs(gcs: GcsServer) -> Store:
    bucket = gcs.new_bucket()
    return Store({"gcs_bucket_name": bucket.bucket, "gcs_prefix": PREFIX}, {}, bucket)


def in_azure_blob(azure_blob: AzureServer) -> Store:
    bucket = azure_blob.new_bucket()
    params = {
        "azure_storage_container": bucket.bucket,
        "azure_storage_connection_string": "os.environ/CONNECTION",
        "azure_prefix": PREFIX,
    }
    return Store(params, {"CONNECTION": bucket.connection_string()}, bucket)


IN = {"s3": in_s3, "gcs": in_gcs, "azure_blob": in_azure_blob}


@pytest.fixture(params=[*IN, "local"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "local":
        return Store({}, {})
    return IN[request.param](request.getfixturevalue(request.param))


def config(store: Store, vertex: Vertex, endpoint: Endpoint) -> str:
    own = {"model": "hosted_vllm/own-7b", "api_base": endpoint.base_url, "max_parallel_requests": 8}
    settings = {
        "poll_initial_seconds": 0.1,
        "poll_max_seconds": 0.5,
        "batch_storage_params": store.params,
    }
    entries = [entry(GEMINI, MODELS[GEMINI], vertex), {"model_name": OWN, "litellm_params": own}]
    return json.dumps({"model_list": entries, "batch_settings": settings})


def assert_answers_are_right(served: Served, batch: Any) -> None:
    """Check that every line has its own answer, in input order, in the shape of OpenAI's."""
    assert (batch.status, batch.errors, batch.error_file_id) == ("completed", None, None)
    assert_every_line_once(served.client, batch, LINES)
    lines = results(served.client, batch.output_file_id)
    for number, line in enumerate(lines):
        assert ChatCompletion.model_validate(line["response"]["body"], strict=True)
        assert answer_in(line).endswith(f"question {number}")


def test_batches_of_both_kinds_come_back_right(
    store: Store, vertex: Vertex, shared_endpoint: Endpoint, begin: Serve, tmp_path: Path
) -> None:
    environ = {**vertex.environ, **store.environ}
    served = begin("served", config=config(store, vertex, shared_endpoint), **environ).start()
    vertex.doom(shuffle=True, output_files=2)
    begun = [
        submit(served.client, write_requests(tmp_path / f"{model}.jsonl", LINES, model=model))
        for model in (GEMINI, OWN)
    ]
    batches = [ended(served.client, each.id, log=served.log) for each in begun]

    for batch in batches:
        assert_answers_are_right(served, batch)
    assert [each.model_extra["overnight"]["provider"] for each in batches] == ["vertex_ai", "hosted_vllm"]
    assert_done_once(vertex, batches[0])
    if store.bucket:
        assert_bytes_are_in(store.bucket, served, *batches, prefix=f"{PREFIX}/")
    else:
        for batch in batches:
            assert (served.data / "objects" / file_key(batch.output_file_id)).is_file()
