"""Settings without a file, and what a `.env` adds."""

from pathlib import Path

import pytest

from overnight.config import environment, load_settings


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_openais_variable_alone_serves_any_model(tmp_path: Path) -> None:
    settings = load_settings(None, data_dir=tmp_path, environ={"OPENAI_API_KEY": "sk-real"})

    (deployment,) = settings.deployments_for("gpt-whatever")
    assert (deployment.model_name, deployment.model) == ("*", "*")
    assert deployment.api_key == "sk-real"
    assert deployment.api_base == "https://api.openai.com/v1"
    assert "own batch API" in settings.warnings[0]


def test_nothing_set_is_no_model_and_a_warning(tmp_path: Path) -> None:
    settings = load_settings(None, data_dir=tmp_path, environ={})

    assert settings.deployments == ()
    assert "OPENAI_API_KEY" in settings.warnings[0]


def test_a_dotenv_in_the_current_folder_is_read(tmp_path: Path, empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("OPENAI_API_KEY=sk-dotenv\n")

    settings = load_settings(None, data_dir=tmp_path, environ={})

    assert settings.deployments[0].api_key == "sk-dotenv"


def test_a_dotenv_beside_the_config_wins_over_the_one_in_the_current_folder(
    tmp_path: Path, empty_folder: Path
) -> None:
    (empty_folder / ".env").write_text("A=current\n")
    (tmp_path / ".env").write_text("A=beside\n")

    assert environment(tmp_path / "config.yaml", {})["A"] == "beside"


def test_the_real_environment_wins_over_a_dotenv(tmp_path: Path, empty_folder: Path) -> None:
    (empty_folder / ".env").write_text("A=dotenv\nB=dotenv\n")

    assert environment(None, {"A": "real"}) == {"A": "real", "B": "dotenv"}
