"""Where Temporal is looked for, and what is said when that can't be read."""

import pytest

from overnight.domain.errors import InvalidConfig
from workflows.connecting import connect


@pytest.fixture(autouse=True)
def profile_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEMPORAL_ADDRESS", raising=False)
    monkeypatch.setenv("TEMPORAL_PROFILE", "nowhere")


async def test_a_profile_that_is_not_there_is_said_plainly() -> None:
    with pytest.raises(InvalidConfig, match="nowhere"):
        await connect(lazy=True)


async def test_who_is_told_where_temporal_is_does_not_look_it_up() -> None:
    client = await connect("127.0.0.1:9", lazy=True)
    assert client.service_client.config.target_host == "127.0.0.1:9"
