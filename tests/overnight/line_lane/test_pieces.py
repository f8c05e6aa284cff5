"""The small parts: how long is waited, and which way."""

from datetime import timedelta

import pytest

from overnight.line_lane.connections import proxy_for
from overnight.line_lane.patience import Patience


def test_backoff_doubles_up_to_its_bound_with_full_jitter() -> None:
    patience = Patience()
    for failures, ceiling in [(1, 0.5), (2, 1), (3, 2), (7, 30), (10_000, 30)]:
        pauses = [patience.backoff(failures) for _ in range(200)]
        assert max(pauses) <= ceiling
        assert max(pauses) > ceiling / 2
        assert min(pauses) < ceiling / 2


def test_a_retry_after_is_cut_to_its_bound() -> None:
    assert Patience().capped(timedelta(hours=1)) == 120
    assert Patience().capped(None) == 0


@pytest.mark.parametrize(
    ("url", "proxied"),
    [
        ("http://model.example:8000/v1", True),
        ("http://user:password@model.example/v1", True),
        ("http://model.internal/v1", False),
        ("https://model.example/v1", False),
        ("http://127.0.0.1:8000/v1", False),
        ("http://[::1]:8000/v1", False),
    ],
)
def test_the_proxy_of_the_environment_is_used_where_it_is_meant(
    url: str, proxied: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "model.internal")
    assert (proxy_for(url) is not None) is proxied
