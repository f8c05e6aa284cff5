"""Downloads that the gateway sends to a bucket: what the command shows there, and what it says of it."""

from pathlib import Path

import pytest

from cli.client import GatewayClient, GatewayRefused, GatewayUnreachable
from tests.emulators.canned import Canned, saying
from tests.ports import free_port

SIGNED = "/b/files/file-1?X-Amz-Signature=secret"
LINES = '{"custom_id": "1"}\n'


def download(gateway: Canned, target: Path) -> None:
    with GatewayClient(gateway.url, api_key="sk-test") as client:
        client.download("file-1", target)


def test_the_key_is_shown_to_the_gateway_and_not_to_the_bucket(tmp_path: Path) -> None:
    with saying(200, LINES) as bucket, saying(302, "", location=bucket.url + SIGNED) as gateway:
        download(gateway, tmp_path / "out.jsonl")

    assert (tmp_path / "out.jsonl").read_text() == LINES
    assert [asked["authorization"] for asked in gateway.asked] == ["Bearer sk-test"]
    assert [asked["authorization"] for asked in bucket.asked] == [None]


def test_a_bucket_is_reached_through_the_proxy_that_a_gateway_here_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with saying(200, LINES) as proxy, saying(302, "", location=f"http://bucket.example{SIGNED}") as gateway:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        download(gateway, tmp_path / "out.jsonl")

    assert (tmp_path / "out.jsonl").read_text() == LINES
    assert [asked["host"] for asked in proxy.asked] == ["bucket.example"]
    assert len(gateway.asked) == 1


def test_a_bucket_that_refuses_is_named_and_the_url_is_not(tmp_path: Path) -> None:
    with (
        saying(403, "<Error/>") as bucket,
        saying(302, "", location=bucket.url + SIGNED) as gateway,
        pytest.raises(GatewayRefused) as caught,
    ):
        download(gateway, tmp_path / "out.jsonl")

    assert str(caught.value) == "the gateway sends downloads to 127.0.0.1, which answered 403 Forbidden"
    assert [*tmp_path.iterdir()] == []


def test_a_bucket_that_is_not_there_is_named_and_the_url_is_not(tmp_path: Path) -> None:
    with (
        saying(302, "", location=f"http://127.0.0.1:{free_port()}{SIGNED}") as gateway,
        pytest.raises(GatewayUnreachable) as caught,
    ):
        download(gateway, tmp_path / "out.jsonl")

    assert "the gateway sends downloads to 127.0.0.1, where nobody answers" in str(caught.value)
    assert "secret" not in str(caught.value)
    assert [*tmp_path.iterdir()] == []
