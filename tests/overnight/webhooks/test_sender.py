"""The sender connects to what it has checked, follows nothing, and keeps nothing of what it is told."""

import asyncio
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from overnight.webhooks import resolver as resolving
from overnight.webhooks.addresses import AllowedHosts
from overnight.webhooks.sender import ADDRESS_REFUSED, Reply, WebhookSender
from tests.overnight.webhooks.certificates import contexts
from tests.overnight.webhooks.receiver import receiving
from tests.ports import free_port

HERE = AllowedHosts.parse(["127.0.0.1"])
NAME = "hooks.example.com"
Names = Callable[..., None]


async def sent(url: str, *, allowed: AllowedHosts = HERE, **options: Any) -> Reply:
    sender = WebhookSender(allowed, **{"patience": timedelta(seconds=30), **options})
    headers = {"webhook-id": "wh_1"}
    return await sender.send(url, '{"id":"evt_1"}', headers, now=datetime.now(UTC))


def status_line(line: str, *headers: str) -> bytes:
    return "\r\n".join([f"HTTP/1.1 {line}", *headers, "content-length: 0", "", ""]).encode()


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Names:
    """Return what says, in place of a name server, which addresses a name has, look-up by look-up."""
    answers: dict[str, list[list[str]]] = {}
    real = socket.getaddrinfo

    def look_up(host: str, port: int, **options: Any) -> Any:
        if host not in answers:
            return real(host, port, **options)
        planned = answers[host]
        now = planned.pop(0) if len(planned) > 1 else planned[0]
        return [
            (
                socket.AF_INET6 if ":" in each else socket.AF_INET,
                socket.SOCK_STREAM,
                6,
                "",
                (each, port, 0, 0) if ":" in each else (each, port),
            )
            for each in now
        ]

    monkeypatch.setattr(resolving.socket, "getaddrinfo", look_up)
    return lambda host, *lookups: answers.update({host: [list(each) for each in lookups]})


async def test_a_post_bears_what_it_should(names: Names) -> None:
    async with receiving() as receiver:
        reply = await sent(f"http://127.0.0.1:{receiver.port}/hooks?token=t")
    head, _, body = receiver.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().lower().split("\r\n")
    assert lines[0] == "post /hooks?token=t http/1.1"
    assert {"content-type: application/json", "user-agent: overnight-webhooks", "webhook-id: wh_1"} <= set(
        lines
    )
    assert body == b'{"id":"evt_1"}'
    assert (reply.taken, reply.attempt.status_code, reply.attempt.error) == (True, 200, None)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_like_any_other_and_is_not_followed(status: int) -> None:
    async with receiving() as elsewhere:
        location = f"location: http://127.0.0.1:{elsewhere.port}/"
        async with receiving(status_line(f"{status} Found", location)) as receiver:
            reply = await sent(f"http://127.0.0.1:{receiver.port}/")
    assert (reply.attempt.status_code, reply.taken) == (status, False)
    assert elsewhere.connections == 0


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", "connection_lost"),
        (b"SSH-2.0-OpenSSH_9.9\r\n", "bad_answer"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", "bad_answer"),
    ],
)
async def test_what_is_no_answer_is_one_word(answer: bytes, error: str) -> None:
    async with receiving(answer) as receiver:
        reply = await sent(f"http://127.0.0.1:{receiver.port}/")
    assert (reply.attempt.status_code, reply.attempt.error) == (None, error)


async def test_a_receiver_that_hangs_is_waited_for_no_longer_than_it_may() -> None:
    async with receiving(None) as receiver:
        reply = await sent(f"http://127.0.0.1:{receiver.port}/", patience=timedelta(seconds=0.5))
    assert (reply.attempt.error, reply.in_vain) == ("timeout", True)


async def test_of_an_answer_without_end_only_the_head_is_taken() -> None:
    head = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
    chunk = b"10000\r\n" + b"x" * 65_536 + b"\r\n"
    async with receiving(head, endless=chunk) as receiver:
        reply = await sent(f"http://127.0.0.1:{receiver.port}/")
    assert reply.taken


async def test_nobody_there_is_one_word_and_a_name_that_nobody_knows_another(names: Names) -> None:
    assert (await sent(f"http://127.0.0.1:{free_port()}/")).attempt.error == "connection_failed"
    assert (await sent("https://nobody.invalid/")).attempt.error == "dns_failed"
    assert (await sent(f"https://{'x' * 64}.example.com/")).attempt.error == "dns_failed"


@pytest.mark.parametrize(
    ("said", "pause"),
    [
        ("120", 120),
        ("999999999", 86_400),
        ("9" * 5_000, None),
        ("soon", None),
        ("-1", None),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 86_400),
        ("Fri, 31 Dec 1999 23:59:59 GMT", None),
    ],
)
async def test_a_receiver_may_say_when_to_come_again(said: str, pause: int | None) -> None:
    async with receiving(status_line("503 Busy", f"retry-after: {said}")) as receiver:
        reply = await sent(f"http://127.0.0.1:{receiver.port}/")
    assert reply.retry_after == (None if pause is None else timedelta(seconds=pause))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0"])
async def test_this_machine_is_not_connected_to_unless_allowed(host: str) -> None:
    async with receiving() as receiver:
        reply = await sent(f"https://{host}:{receiver.port}/", allowed=AllowedHosts())
    assert reply.attempt.error == ADDRESS_REFUSED
    assert receiver.connections == 0


@pytest.mark.parametrize(
    "addresses",
    [["127.0.0.1"], ["127.0.0.1", "10.0.0.1"], ["::ffff:127.0.0.1"], ["::1"], ["169.254.169.254"]],
)
async def test_a_name_that_leads_to_this_machine_is_not_connected_to(
    names: Names, addresses: list[str]
) -> None:
    names(NAME, addresses)
    async with receiving() as receiver:
        reply = await sent(f"https://{NAME}:{receiver.port}/", allowed=AllowedHosts())
    assert reply.attempt.error == ADDRESS_REFUSED
    assert receiver.connections == 0


async def test_a_name_that_is_rebound_after_the_check_is_not_looked_up_again(
    names: Names, tmp_path: Path
) -> None:
    # The first look-up leads where webhooks may go, and every later one to whoever must hear nothing.
    server, client = contexts(tmp_path, host=NAME)
    elsewhere = AllowedHosts.parse(["127.0.0.2"])
    async with receiving(tls=server) as forbidden:
        names(NAME, ["127.0.0.2"], ["127.0.0.1"])
        url = f"https://{NAME}:{forbidden.port}/"
        first = await sent(url, allowed=elsewhere, tls=client)
        second = await sent(url, allowed=elsewhere, tls=client)
    assert (first.attempt.error, second.attempt.error) == ("connection_failed", ADDRESS_REFUSED)
    assert forbidden.connections == 0


async def test_of_several_addresses_only_those_that_are_allowed_are_connected_to(
    names: Names, tmp_path: Path
) -> None:
    server, client = contexts(tmp_path, host=NAME)
    async with receiving(tls=server) as receiver:
        names(NAME, ["10.0.0.1", "169.254.169.254", "127.0.0.1"])
        reply = await sent(f"https://{NAME}:{receiver.port}/", tls=client)
    assert reply.taken


async def test_tls_is_verified_against_the_name_and_not_the_address(names: Names, tmp_path: Path) -> None:
    server, client = contexts(tmp_path, host=NAME)
    names(NAME, ["127.0.0.1"])
    names("other.example.com", ["127.0.0.1"])
    async with receiving(tls=server) as receiver:
        good = await sent(f"https://{NAME}:{receiver.port}/", tls=client)
        other = await sent(f"https://other.example.com:{receiver.port}/", tls=client)
        unknown = await sent(f"https://{NAME}:{receiver.port}/")
    assert good.taken
    assert (other.attempt.error, unknown.attempt.error) == ("tls_failed", "tls_failed")
    assert len(receiver.requests) == 1


async def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as proxy, receiving() as receiver:
        for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("no_proxy", raising=False)
        reply = await sent(f"http://127.0.0.1:{receiver.port}/")
    assert reply.taken
    assert proxy.connections == 0


async def test_many_at_once_are_all_sent() -> None:
    async with receiving() as receiver:
        replies = await asyncio.gather(*(sent(f"http://127.0.0.1:{receiver.port}/") for _ in range(50)))
    assert all(reply.taken for reply in replies)
    assert receiver.connections == 50
