"""A large file in parts, from the SDK to a batch; and what a kill leaves of it."""

import hashlib
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from openai import APIConnectionError, OpenAI
from temporalio.client import Client

from tests.acceptance.command_line import overnight
from tests.acceptance.conftest import Serve
from tests.acceptance.deaths import KILLING
from tests.acceptance.housekeeping import keep_house
from tests.acceptance.inputs import assert_every_line_once, chat, create, write_lines, write_requests
from tests.acceptance.serving import Served, ended
from workflows.connecting import connect

LINES = 300
PARTS = 3

POINTS = {
    "in the middle of a part": "api.parts:_content:1",
    "after a part and before its row": "overnight.catalog.upload_rows:UploadRows.add_part:2",
    "after a part's row and before the answer": "overnight.catalog.upload_rows:UploadRows.add_part:2:done",
    "while parts are put together": "api.assembly:_content:1",
    "after the file and before its row": "overnight.catalog.upload_rows:UploadRows.complete_upload:1",
    "after the file's row and before the answer": (
        "overnight.catalog.upload_rows:UploadRows.complete_upload:1:done"
    ),
}

Answer = TypeVar("Answer")


def parts_in(served: Served) -> list[Path]:
    """The parts that lie in storage."""
    return [path for path in (served.data / "objects" / "uploads").rglob("*") if path.is_file()]


async def test_a_file_that_the_sdk_sends_in_chunks_is_a_batchs_input_and_leaves_no_parts(
    served: Served, client: OpenAI, temporal: Client, tmp_path: Path
) -> None:
    path = write_requests(tmp_path / "in.jsonl", LINES)
    md5 = hashlib.md5(path.read_bytes()).hexdigest()  # noqa: S324 - what the API asks for

    upload = client.uploads.upload_file_chunked(
        file=path, mime_type="text/jsonl", purpose="batch", part_size=10_000, md5=md5
    )

    assert upload.file is not None
    assert client.files.content(upload.file.id).content == path.read_bytes()
    final = ended(client, create(client, upload.file.id).id, log=served.log)
    assert final.status == "completed"
    assert_every_line_once(client, final, LINES)
    assert parts_in(served)
    await keep_house(temporal)
    assert parts_in(served) == []


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS.keys())
async def test_a_power_cut_during_an_upload_loses_no_part_that_was_acknowledged_and_leaves_none(
    serve: Serve, tmp_path: Path, point: str
) -> None:
    mark = tmp_path / "killed"
    served = serve(PYTHONPATH=KILLING, KILL_AT=point, KILL_MARK=str(mark))
    content = write_requests(tmp_path / "in.jsonl", LINES).read_bytes()
    size = -(-len(content) // PARTS)

    def insisting(call: Callable[[OpenAI], Answer]) -> Answer:
        try:
            return call(served.client)
        except APIConnectionError:
            served.wait_dead()
            served.start()
            return call(served.client)

    wanted: Any = {"filename": "in.jsonl", "purpose": "batch", "mime_type": "text/jsonl"}
    upload = insisting(lambda client: client.uploads.create(bytes=len(content), **wanted))
    cut = [content[at : at + size] for at in range(0, len(content), size)]
    ids = [
        insisting(lambda client, each=each: client.uploads.parts.create(upload.id, data=each)).id
        for each in cut
    ]
    done = insisting(lambda client: client.uploads.complete(upload.id, part_ids=ids))

    assert mark.exists()
    assert done.file is not None
    assert [file.id for file in served.client.files.list()] == [done.file.id]
    assert served.client.files.content(done.file.id).content == content
    await keep_house(await connect(served.temporal_address))
    assert parts_in(served) == []
    final = ended(served.client, create(served.client, done.file.id).id, log=served.log)
    assert_every_line_once(served.client, final, LINES)


def test_a_submit_that_was_killed_goes_on_with_what_is_missing(
    served: Served, client: OpenAI, tmp_path: Path
) -> None:
    path, orders = tmp_path / "large.jsonl", tmp_path / "orders"
    body = chat("x" * 2**20, stream=True)
    write_lines(path, [body] * 260)
    point = "cli.upload_notes:UploadNotes.acknowledge:8"
    orders.write_text(point)
    keys = {
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PYTHONPATH": KILLING,
        "KILL_AT": point,
        "KILL_ORDERS": str(orders),
    }
    before = len(list(client.files.list()))

    overnight("submit", path, url=served.url, code=-signal.SIGKILL, keys=keys)
    assert len(list(client.files.list())) == before
    out, err = overnight("submit", path, url=served.url, keys=keys)

    going_on = re.search(r"going on with an upload that broke off: (\d) of 9 parts are there", err)
    assert going_on is not None
    assert int(going_on[1]) >= 4
    batch = ended(client, out.strip(), log=served.log)
    assert sha256(client, batch.input_file_id) == hashlib.sha256(path.read_bytes()).hexdigest()
    # Its lines were read to the last one, and are refused as they would be in any file.
    assert (batch.status, len(batch.errors.data)) == ("failed", 260)
    assert list((tmp_path / "cache").rglob("*.jsonl")) == []


def sha256(client: OpenAI, file_id: str) -> str:
    """Read a file piece by piece."""
    digest = hashlib.sha256()
    with client.files.with_streaming_response.content(file_id) as response:
        for block in response.iter_bytes(2**20):
            digest.update(block)
    return digest.hexdigest()
