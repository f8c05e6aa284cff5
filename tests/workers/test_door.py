"""A worker's own page of metrics."""

import asyncio
import socket

import httpx2
import pytest

from overnight.telemetry.exposition import Page
from tests.ports import free_port
from workers.door import Door, serving

HOST = "127.0.0.1"


async def read(port: int, **headers: str | bytes) -> httpx2.Response:
    shown = [
        (name.encode(), value if isinstance(value, bytes) else value.encode())
        for name, value in headers.items()
    ]
    async with httpx2.AsyncClient(trust_env=False, timeout=60) as http:
        return await http.get(f"http://{HOST}:{port}/metrics", headers=shown)


async def test_it_says_whose_it_is_and_nothing_of_the_catalog() -> None:
    door = Door(host=HOST, port=free_port())
    async with serving(door):
        page = (await read(door.port)).raise_for_status().text
    assert 'process_resident_memory_bytes{process="worker"}' in page


@pytest.mark.parametrize(
    ("shown", "status"),
    [(b"", 401), (b"Bearer sk-\xff", 401), (b"Basic sk-house", 401), (b"Bearer sk-house", 200)],
)
async def test_with_a_key_it_is_for_who_shows_it(shown: bytes, status: int) -> None:
    door = Door(host=HOST, port=free_port(), key="sk-house")
    async with serving(door):
        assert (await read(door.port, authorization=shown)).status_code == status


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "http://evil.example"}])
async def test_without_a_key_no_web_page_gets_it(headers: dict[str, str]) -> None:
    door = Door(host=HOST, port=free_port())
    async with serving(door):
        assert (await read(door.port, **headers)).status_code == 403
    door = Door(host=HOST, port=free_port(), metrics_open=True)
    async with serving(door):
        assert (await read(door.port, **headers)).status_code == 200


async def test_open_metrics_want_no_key() -> None:
    door = Door(host=HOST, port=free_port(), key="sk-house", metrics_open=True)
    async with serving(door):
        assert (await read(door.port)).status_code == 200


async def test_who_reads_the_page_delays_no_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    class Hanging(Page):
        def __init__(self) -> None:
            super().__init__("http://nobody")
            self.asked = asyncio.Event()

        async def text(self) -> str | None:
            self.asked.set()
            await asyncio.Event().wait()
            return None

    door = Door(host=HOST, port=free_port(), temporal=(page := Hanging()))
    async with asyncio.timeout(45):
        async with serving(door):
            reading = asyncio.create_task(read(door.port))
            await page.asked.wait()
    with pytest.raises(httpx2.HTTPError):
        await reading


async def test_a_port_that_is_taken_stops_no_worker() -> None:
    with socket.create_server((HOST, 0)) as taken:
        async with serving(Door(host=HOST, port=taken.getsockname()[1])):
            pass
    async with serving(None):
        pass
