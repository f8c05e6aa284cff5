"""Which deployments serve a batch that says which provider it is for."""

import pytest

from overnight.domain.deployment import ANY_MODEL
from tests.overnight.config.conftest import Load

AZURE = {"AZURE_API_BASE": "https://res.openai.azure.com", "AZURE_API_KEY": "azure-key"}
OPENAI = {"OPENAI_API_KEY": "sk-usual"}

MODELS = """
model_list:
  - {model_name: mini, litellm_params: {model: openai/gpt-4o-mini, api_key: one}}
  - {model_name: mini, litellm_params: {model: azure/mini-batch, api_base: "https://a.openai.azure.com"}}
  - {model_name: other, litellm_params: {model: openai/mini, api_key: one}}
"""


def test_a_provider_leaves_only_its_own_deployments(load: Load) -> None:
    settings = load(MODELS, AZURE)

    assert [each.model for each in settings.deployments_for("mini")] == ["gpt-4o-mini", "mini-batch"]
    assert [each.model for each in settings.deployments_for("mini", "azure")] == ["mini-batch"]


def test_a_name_that_clients_use_wins_over_a_model_of_that_name(load: Load) -> None:
    assert [each.model for each in load(MODELS, AZURE).deployments_for("mini", "openai")] == ["gpt-4o-mini"]


def test_with_a_provider_its_own_name_for_a_model_will_do(load: Load) -> None:
    settings = load(MODELS, AZURE)

    assert [each.model_name for each in settings.deployments_for("mini-batch", "azure")] == ["mini"]
    assert settings.deployments_for("mini-batch") == ()


def test_with_a_provider_the_usual_variables_serve_what_the_file_does_not_name(load: Load) -> None:
    settings = load(MODELS, {**AZURE, **OPENAI})

    (deployment,) = settings.deployments_for("gpt-5", "openai")
    assert (deployment.model_name, deployment.api_key) == (ANY_MODEL, "sk-usual")
    assert settings.deployment(deployment.id) is deployment


def test_without_a_provider_a_model_that_the_file_does_not_name_is_nobodys(load: Load) -> None:
    settings = load(MODELS, {**AZURE, **OPENAI})

    assert settings.deployments_for("gpt-5") == ()
    assert settings.models == ("mini", "other")


def test_a_files_own_star_takes_the_place_of_the_environments(load: Load) -> None:
    settings = load(
        'model_list: [{model_name: "*", litellm_params: {model: openai/*, api_base: "http://any/v1"}}]',
        {**AZURE, **OPENAI},
    )

    assert [each.api_base for each in settings.deployments_for("m", "openai")] == ["http://any/v1"]
    assert [each.provider for each in settings.from_environment] == ["azure"]
    assert [each.provider for each in settings.deployments_for("m")] == ["openai"]


def test_a_file_without_models_leaves_them_to_the_environment(load: Load) -> None:
    settings = load("batch_settings: {model: gpt-5}", OPENAI)

    assert settings.default_model == "gpt-5"
    assert [each.api_key for each in settings.deployments_for("gpt-5")] == ["sk-usual"]


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        (None, "The provided model 'm' is not supported by the Batch API."),
        ("openai", "model_list has none, and the environment has no usable OPENAI_API_KEY"),
        ("azure", "model_list has none, and the environment has no usable AZURE_API_BASE"),
        ("hosted_vllm", "No deployment at hosted_vllm serves the model 'm': model_list has none."),
        ("vertex_ai", "model_list has none, and the environment has no usable VERTEXAI_PROJECT"),
        ("opanai", "Nobody knows the provider 'opanai'"),
    ],
)
def test_why_nothing_serves_a_model_is_said(load: Load, provider: str | None, said: str) -> None:
    settings = load("")

    assert settings.deployments_for("m", provider) == ()
    assert said in settings.why_none_for("m", provider)


def test_a_provider_with_a_deployment_anywhere_can_be_asked_for(load: Load) -> None:
    settings = load(MODELS, AZURE)

    assert settings.why_none_at("openai") is None
    assert load("", AZURE).why_none_at("azure") is None


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        (
            "openai",
            "There is no deployment at openai: model_list has none, and the environment has no usable",
        ),
        ("hosted_vllm", "There is no deployment at hosted_vllm: model_list has none."),
        ("vertex_ai", "There is no deployment at vertex_ai: model_list has none"),
        ("opanai", "Nobody knows the provider 'opanai'"),
    ],
)
def test_why_nothing_is_at_a_provider_is_said(load: Load, provider: str, said: str) -> None:
    assert said in str(load("").why_none_at(provider))
