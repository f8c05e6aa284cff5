"""Uploads that tests of the gateway begin, and send the parts of."""

from pathlib import Path
from typing import Any

import openai

from tests.api.forms import LINE
from tests.api.served import Served

DAY = 86_400
CONTENT = LINE * 9
THIRD = len(CONTENT) // 3


async def begun(client: openai.AsyncOpenAI, content: bytes = CONTENT, **extra: Any) -> Any:
    """Begin an upload of so many bytes."""
    wanted: Any = {"filename": "in.jsonl", "purpose": "batch", "mime_type": "text/jsonl", **extra}
    return await client.uploads.create(bytes=len(content), **wanted)


async def sent(client: openai.AsyncOpenAI, upload_id: str, content: bytes) -> str:
    """Send a part and return its id."""
    return (await client.uploads.parts.create(upload_id, data=content)).id


async def in_thirds(client: openai.AsyncOpenAI, upload_id: str) -> list[str]:
    """Send CONTENT in three parts, and return their ids in order."""
    return [await sent(client, upload_id, CONTENT[at : at + THIRD]) for at in range(0, len(CONTENT), THIRD)]


def stored(served: Served, folder: str) -> list[Path]:
    """What lies in storage below `folder`."""
    return [path for path in served.storage.everything() if (served.storage.root / folder) in path.parents]


async def refused(served: Served, path: str, body: Any) -> dict[str, Any]:
    """Send a body that must get a 400; return the error."""
    async with served.http() as http:
        answer = await http.post(f"/v1/uploads{path}", json=body)
    assert answer.status_code == 400, answer.text
    error: dict[str, Any] = answer.json()["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert error["type"] == "invalid_request_error"
    return error
