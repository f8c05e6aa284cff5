import asyncio

import pytest
from structlog.testing import capture_logs

from overnight.domain.errors import CatalogUnavailable, StorageUnavailable
from overnight.health import parts
from overnight.health.parts import Check, Parts, in_brief
from overnight.health.recent import RecentCheck


def saying(why: Exception | None) -> Check:
    """A check that comes to that."""

    async def check() -> None:
        if why:
            raise why

    return check


async def test_each_part_says_how_it_is() -> None:
    states = await Parts(
        {
            "well": saying(None),
            "rows": saying(CatalogUnavailable("no database at db.internal:5432")),
            "bytes": saying(StorageUnavailable("there is no S3 bucket 'b'", key="health/1")),
            "odd": saying(RuntimeError("secret")),
            "late": saying(TimeoutError()),
        }
    ).states()
    assert states == {
        "well": "ok",
        "rows": "no database at db.internal:5432",
        "bytes": "there is no S3 bucket 'b'",
        "odd": "RuntimeError",
        "late": "no answer within 5 seconds",
    }
    assert in_brief(states) == {
        "well": "ok",
        "rows": "unavailable",
        "bytes": "unavailable",
        "odd": "unavailable",
        "late": "unavailable",
    }


async def test_a_change_is_a_line_and_that_it_is_still_so_is_none() -> None:
    now: list[Exception | None] = []

    async def check() -> None:
        await saying(now[-1])()

    asked = Parts({"rows": check})
    with capture_logs() as log:
        for why in (
            None,
            CatalogUnavailable("a"),
            CatalogUnavailable("a"),
            CatalogUnavailable("b"),
            None,
            None,
        ):
            now.append(why)
            await asyncio.gather(asked.states(), asked.states())
    assert [(line["event"], line["part"], line.get("why")) for line in log] == [
        ("not well", "rows", "a"),
        ("not well", "rows", "b"),
        ("well again", "rows", None),
    ]


async def test_nobody_waits_for_a_part_that_does_not_even_end_when_it_is_told_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parts, "CHECK_TIMEOUT", parts.CHECK_TIMEOUT / 500)
    may_end = asyncio.Event()

    async def check() -> None:
        while not may_end.is_set():
            try:
                await may_end.wait()
            except asyncio.CancelledError:
                continue

    asked = Parts({"disk": RecentCheck(check, within=parts.CHECK_TIMEOUT)})
    async with asyncio.timeout(60):
        for _ in range(2):
            assert (await asked.states())["disk"].startswith("no answer")
    may_end.set()
