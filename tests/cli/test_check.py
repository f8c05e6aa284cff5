"""What `overnight check` says of deployments that a provider's own batch API runs."""

from pathlib import Path

import pytest

from tests.cli.conftest import Overnight

CONFIG = """
model_list:
  - model_name: gpt
    litellm_params: {model: openai/gpt-4o-mini, api_key: os.environ/MY_KEY}
  - model_name: gpt
    litellm_params: {model: azure/mini, api_base: "https://res.openai.azure.com/", api_version: 2024-10-21}
  - model_name: own
    litellm_params: {model: openai/own, api_base: "http://gpu:8000/v1", max_parallel_requests: 8, rpm: 60}
general_settings: {openai_webhook_secret: os.environ/MY_SECRET}
"""


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AZURE_API_BASE", "AZURE_API_KEY", "AZURE_AD_TOKEN", "AZURE_OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-usual")
    monkeypatch.setenv("MY_KEY", "sk-mine")
    monkeypatch.setenv("MY_SECRET", "whsec_c2VjcmV0")
    monkeypatch.chdir(tmp_path)


def rows(out: str) -> list[list[str]]:
    """The lines of a table, in columns."""
    return [[part.strip() for part in line.split("  ") if part.strip()] for line in out.splitlines()]


def test_check_says_each_deployments_provider_lane_and_where_its_key_is_from(
    overnight: Overnight, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)

    out, err = overnight("check", tmp_path / "config.yaml")

    openai, azure, own, usual = rows(out)[1:5]
    assert openai[1:3] == ["openai/gpt-4o-mini", "native"]
    assert openai[-1] == "environment variable MY_KEY"
    assert azure[1:4] == ["azure/mini", "native", "https://res.openai.azure.com (api-version 2024-10-21)"]
    assert own[1:5] == ["openai/own", "lines", "http://gpu:8000/v1", "8, 60 rpm"]
    assert usual[:3] == ["* (custom_llm_provider=openai)", "openai/*", "native"]
    assert "Azure is asked with Entra ID" in err


def test_check_shows_no_secret(overnight: Overnight, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(CONFIG)

    said = "".join(overnight("check", tmp_path / "config.yaml"))

    assert "webhooks   secret set" in said
    for secret in ("sk-usual", "sk-mine", "c2VjcmV0"):
        assert secret not in said


def test_check_without_a_file_says_what_the_environment_serves(overnight: Overnight) -> None:
    out, err = overnight("check")

    assert rows(out)[1][:3] == ["*", "openai/*", "native"]
    assert "webhooks   no secret" in out
    assert err == ""
