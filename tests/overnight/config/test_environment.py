"""Settings without a file, and what a `.env` adds."""

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from overnight.config import Settings, environment, load_settings
from overnight.domain.deployment import BatchLane
from overnight.domain.errors import InvalidConfig

AZURE = {"AZURE_API_KEY": "azure-key", "AZURE_API_BASE": "https://res.openai.azure.com/"}
OPENAI = {"OPENAI_API_KEY": "sk-real"}

Without = Callable[[Mapping[str, str]], Settings]


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def without_file(tmp_path: Path) -> Without:
    return lambda environ: load_settings(None, data_dir=tmp_path, environ=environ)


def test_openais_variable_alone_serves_any_model_by_openais_batch_api(without_file: Without) -> None:
    settings = without_file({**OPENAI, "OPENAI_ORG_ID": "org-1", "OPENAI_PROJECT": "proj_1"})

    (deployment,) = settings.deployments_for("gpt-whatever")
    assert (deployment.model_name, deployment.model) == ("*", "*")
    assert deployment.api_key == "sk-real"
    assert deployment.api_base == "https://api.openai.com/v1"
    assert (deployment.organization, deployment.project) == ("org-1", "proj_1")
    assert deployment.key_source == "environment variable OPENAI_API_KEY"
    assert deployment.lane is BatchLane.NATIVE
    assert settings.deployment(deployment.id) is deployment
    assert settings.providers == ("openai",)
    assert settings.warnings == ()


def test_azures_variables_alone_serve_any_model_by_azures_batch_api(without_file: Without) -> None:
    settings = without_file({**AZURE, "AZURE_API_VERSION": "2024-10-21"})

    (deployment,) = settings.deployments_for("my-deployment")
    assert (deployment.provider, deployment.model) == ("azure", "*")
    assert deployment.api_base == "https://res.openai.azure.com"
    assert deployment.api_key == "azure-key"
    assert deployment.api_version == "2024-10-21"
    assert deployment.lane is BatchLane.NATIVE
    assert settings.deployment(deployment.id) is deployment
    assert settings.warnings == ()


def test_with_both_only_a_batch_that_says_azure_goes_there(without_file: Without) -> None:
    settings = without_file({**AZURE, **OPENAI})

    assert [each.provider for each in settings.deployments_for("m")] == ["openai"]
    assert [each.provider for each in settings.deployments_for("m", "azure")] == ["azure"]
    assert settings.providers == ("openai", "azure")
    assert "only when it says so with custom_llm_provider" in settings.warnings[0]


def test_a_static_entra_token_serves_where_no_key_is(without_file: Without) -> None:
    environ = {"AZURE_API_BASE": AZURE["AZURE_API_BASE"], "AZURE_AD_TOKEN": "eyJ"}

    (deployment,) = without_file(environ).deployments_for("m", "azure")

    assert (deployment.api_key, deployment.ad_token) == (None, "eyJ")
    assert deployment.key_source == "environment variable AZURE_AD_TOKEN"


def test_an_address_alone_means_entra_id_and_says_so(without_file: Without) -> None:
    settings = without_file({"AZURE_API_BASE": AZURE["AZURE_API_BASE"]})

    (deployment,) = settings.deployments_for("m")
    assert (deployment.api_key, deployment.ad_token) == (None, None)
    assert "Entra ID" in deployment.key_source
    assert "is asked with Entra ID" in settings.warnings[0]


def test_azures_key_without_an_address_is_warned_of(without_file: Without) -> None:
    settings = without_file({"AZURE_API_KEY": "azure-key"})

    assert settings.deployments_for("m", "azure") == ()
    assert "AZURE_API_KEY is set, but AZURE_API_BASE is not" in settings.warnings[0]
    assert "AZURE_API_BASE" in settings.why_none_for("m", "azure")


def test_an_unusable_address_of_azures_is_warned_of(without_file: Without) -> None:
    settings = without_file({**AZURE, "AZURE_API_BASE": "res.openai.azure.com"})

    assert settings.deployments_for("m", "azure") == ()
    assert "AZURE_API_BASE should be a URL" in settings.warnings[0]


def test_a_variable_set_to_nothing_is_not_set(without_file: Without) -> None:
    assert without_file({"OPENAI_API_KEY": "", "AZURE_API_BASE": ""}).from_environment == ()


def test_nothing_set_is_no_model_and_a_warning(without_file: Without) -> None:
    settings = without_file({})

    assert settings.deployments_for("m") == ()
    assert settings.providers == ()
    assert "OPENAI_API_KEY" in settings.warnings[0]


def test_the_webhook_secret_has_a_usual_variable(without_file: Without) -> None:
    settings = without_file({"OPENAI_WEBHOOK_SECRET": "whsec_c2VjcmV0"})

    assert settings.openai_webhook_secret == "whsec_c2VjcmV0"
    assert "c2VjcmV0" not in repr(settings)
    assert without_file({}).openai_webhook_secret is None


def test_a_webhook_secret_that_cannot_sign_is_refused_without_quoting_it(without_file: Without) -> None:
    with pytest.raises(InvalidConfig, match="what OpenAI shows when a webhook is made") as caught:
        without_file({"OPENAI_WEBHOOK_SECRET": "whsec_hunter2"})

    assert "hunter2" not in caught.value.message


def test_a_dotenv_in_the_current_folder_is_read(tmp_path: Path, empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("OPENAI_API_KEY=sk-dotenv\n")

    settings = load_settings(None, data_dir=tmp_path, environ={})

    assert settings.from_environment[0].api_key == "sk-dotenv"


def test_a_dotenv_beside_the_config_wins_over_the_one_in_the_current_folder(
    tmp_path: Path, empty_folder: Path
) -> None:
    (empty_folder / ".env").write_text("A=current\n")
    (tmp_path / ".env").write_text("A=beside\n")

    assert environment(tmp_path / "config.yaml", {})["A"] == "beside"


def test_the_real_environment_wins_over_a_dotenv(tmp_path: Path, empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("A=dotenv\nB=dotenv\n")

    assert environment(None, {"A": "real"}) == {"A": "real", "B": "dotenv"}
