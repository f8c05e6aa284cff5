"""Reading on where it broke off, whatever the store."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass, field

import pytest

from overnight.domain.errors import ObjectNotFound, StorageUnavailable
from overnight.storage.resuming import TRIES, ConnectionBroke, ObjectReplaced, end_of, resumed

CONTENT = b"0123456789"


@dataclass
class Body:
    """An answer that brings `blocks`, and then breaks if it `breaks`."""

    pieces: tuple[bytes, ...]
    breaks: bool = False
    version: str = "1"
    end: int = len(CONTENT)

    async def blocks(self) -> AsyncGenerator[bytes, None]:
        for piece in self.pieces:
            yield piece
        if self.breaks:
            raise ConnectionBroke


@dataclass
class Source:
    """Answers in turn; the last one is given again and again."""

    answers: list[Body | Exception | None]
    asked: list[tuple[int, str | None]] = field(default_factory=list)

    async def open_at(self, at: int, version: str | None) -> Body | None:
        self.asked.append((at, version))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


async def read(source: Source, start: int = 0) -> bytes:
    return b"".join([block async for block in resumed("a", source.open_at, start=start)])


async def test_it_asks_for_what_is_missing_of_the_object_it_began_with() -> None:
    source = Source([Body((b"012", b"3"), breaks=True), Body((b"45",), breaks=True), Body((b"6789",))])
    assert await read(source) == CONTENT
    assert source.asked == [(0, None), (4, "1"), (6, "1")]


async def test_a_break_after_the_last_byte_is_none() -> None:
    source = Source([Body((CONTENT,), breaks=True), ObjectNotFound("a")])
    assert await read(source) == CONTENT


async def test_an_answer_that_ends_early_is_gone_on_with() -> None:
    source = Source([Body((b"01234",)), Body((b"56789",))])
    assert await read(source) == CONTENT


async def test_a_range_that_is_not_there_is_nothing() -> None:
    assert await read(Source([None]), start=99) == b""


@pytest.mark.parametrize("answer", [Body((), breaks=True), Body(()), ConnectionBroke()])
async def test_answers_that_bring_nothing_are_not_asked_for_forever(answer: Body | Exception) -> None:
    source = Source([Body((b"0",), breaks=True), answer])
    with pytest.raises(StorageUnavailable, match="broke off"):
        await read(source)
    assert len(source.asked) == 1 + TRIES


@pytest.mark.parametrize("change", [ObjectReplaced(), ObjectNotFound("a")])
async def test_an_object_that_was_replaced_or_removed_is_not_gone_on_with(change: Exception) -> None:
    with pytest.raises(StorageUnavailable, match="replaced or removed"):
        await read(Source([Body((b"0",), breaks=True), change]))


async def test_an_object_that_never_was_there_is_not_found() -> None:
    with pytest.raises(ObjectNotFound):
        await read(Source([ObjectNotFound("a")]))


def test_the_end_of_a_range_is_that_of_its_bytes_and_not_of_the_object() -> None:
    assert end_of(content_range="bytes 3-6/10", content_length=4) == 7
    assert end_of(content_range=None, content_length=10) == 10
