"""Events in a bucket: a folder for each day, and the lines of a batch beside its event if that is wanted."""

import json

from overnight.events.objects import ObjectsSink
from overnight.storage.memory import MemoryStorage
from tests.overnight.events.happenings import ANSWER, PROMPT, event, exchanges


async def text(storage: MemoryStorage, key: str) -> str:
    return b"".join([block async for block in storage.get(key)]).decode()


async def test_an_event_is_an_object_of_one_line_in_the_folder_of_its_day() -> None:
    storage = MemoryStorage()
    await ObjectsSink(storage).emit(event())
    (found,) = [found.key async for found in storage.list("")]
    # It began on the first of March, and came to its end on the second.
    assert found == f"date=2026-03-02/{event().id}.jsonl"
    content = await text(storage, found)
    assert content.endswith("\n")
    assert json.loads(content)["content"] is None


async def test_without_being_asked_no_prompt_and_no_answer_is_stored() -> None:
    storage = MemoryStorage()
    await ObjectsSink(storage).emit(event())
    stored = [await text(storage, found.key) async for found in storage.list("")]
    assert not any(PROMPT in each or ANSWER in each for each in stored)


async def test_the_lines_of_a_batch_are_an_object_that_its_event_names() -> None:
    storage = MemoryStorage()
    await ObjectsSink(storage).emit(event(), exchanges)
    told = json.loads(await text(storage, f"date=2026-03-02/{event().id}.jsonl"))
    assert told["content"]["lines"] == 3
    lines = [json.loads(line) for line in (await text(storage, told["content"]["object"])).splitlines()]
    assert [line["custom_id"] for line in lines] == ["line-0", "line-1", "line-2"]
    assert lines[0]["request"]["body"]["messages"][0]["content"] == f"{PROMPT} 0"
    assert lines[1]["result"]["response"]["body"]["choices"][0]["message"]["content"] == f"{ANSWER} 1"
    assert lines[2]["result"] is None
    assert {line["event_id"] for line in lines} == {event().id}
