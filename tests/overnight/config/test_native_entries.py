"""Entries that a provider's own batch API runs: where, as whom, and in which lane."""

from datetime import timedelta

import pytest

from overnight.config import Settings
from overnight.domain.deployment import BatchLane, Deployment
from overnight.domain.errors import InvalidConfig
from tests.overnight.config.conftest import Load

RESOURCE = "https://res.openai.azure.com"
AZURE = {"AZURE_API_BASE": RESOURCE, "AZURE_API_KEY": "azure-key"}


def entry(params: str, name: str = "m") -> str:
    return f"{{model_name: {name}, litellm_params: {{{params}}}}}"


def only(settings: Settings) -> Deployment:
    (deployment,) = settings.deployments
    return deployment


@pytest.mark.parametrize("written", ["", "/", "/openai", "/openai/", "/openai/deployments/gpt"])
def test_an_azure_resource_is_named_with_as_much_of_its_path_as_one_likes(load: Load, written: str) -> None:
    params = f'model: azure/gpt, api_base: "{RESOURCE}{written}", api_version: 2024-10-21, api_key: k'

    deployment = only(load(f"model_list: [{entry(params)}]"))

    assert (deployment.provider, deployment.model) == ("azure", "gpt")
    assert deployment.api_base == RESOURCE
    assert deployment.api_version == "2024-10-21"
    assert deployment.lane is BatchLane.NATIVE


@pytest.mark.parametrize(
    ("params", "environ"),
    [
        ("", {}),
        (f', api_base: "{RESOURCE}/openai/v1/"', {"AZURE_API_VERSION": "2024-10-21"}),
        (", api_version: v1", {"AZURE_API_VERSION": "2024-10-21"}),
        (", api_version: preview", {}),
        ("", {"AZURE_API_VERSION": "latest"}),
    ],
)
def test_azures_v1_api_is_asked_for_in_several_ways(load: Load, params: str, environ: dict[str, str]) -> None:
    deployment = only(load(f"model_list: [{entry(f'model: azure/gpt{params}')}]", {**AZURE, **environ}))

    assert deployment.api_base == RESOURCE
    assert deployment.api_version is None


def test_an_entry_can_say_how_long_its_provider_takes_to_list_a_job(load: Load) -> None:
    usual, quick = load(
        f"model_list: [{entry('model: openai/m, api_key: k')}, "
        f"{entry('model: azure/m, batch_list_lag_seconds: 1.5', 'n')}]",
        AZURE,
    ).deployments

    assert usual.list_lag is None
    assert quick.list_lag == timedelta(seconds=1.5)


def test_a_listing_that_is_said_to_lag_for_long_is_a_mistake(load: Load) -> None:
    params = "model: openai/m, api_key: k, batch_list_lag_seconds: "

    assert only(load(f"model_list: [{entry(params + '120')}]")).list_lag == timedelta(minutes=2)
    with pytest.raises(InvalidConfig, match="batch_list_lag_seconds"):
        load(f"model_list: [{entry(params + '121')}]")


def test_azures_usual_variables_fill_what_an_entry_leaves_out(load: Load) -> None:
    settings = load(
        f"model_list: [{entry('model: azure/gpt')}]", {**AZURE, "AZURE_API_VERSION": "2024-10-21"}
    )

    deployment = only(settings)
    assert (deployment.api_base, deployment.api_key) == (RESOURCE, "azure-key")
    assert deployment.api_version == "2024-10-21"
    assert deployment.key_source == "environment variable AZURE_API_KEY"
    assert settings.warnings == ()


def test_an_entrys_token_wins_over_the_usual_key(load: Load) -> None:
    deployment = only(load(f"model_list: [{entry('model: azure/gpt, azure_ad_token: eyJ-token')}]", AZURE))

    assert (deployment.api_key, deployment.ad_token) == (None, "eyJ-token")
    assert deployment.key_source == "azure_ad_token in config.yaml's entry 1"
    assert "eyJ-token" not in repr(deployment)


def test_azure_without_key_and_token_is_asked_with_entra_id_and_says_so(load: Load) -> None:
    settings = load(f"model_list: [{entry('model: azure/gpt')}]", {"AZURE_API_BASE": RESOURCE})

    assert (only(settings).api_key, only(settings).ad_token) == (None, None)
    (warning,) = settings.warnings
    assert "m: it has no key and no token, so Azure is asked with Entra ID" in warning


def test_a_family_of_models_before_azures_deployment_is_not_part_of_it(load: Load) -> None:
    assert only(load(f"model_list: [{entry('model: azure/o_series/mine')}]", AZURE)).model == "mine"


@pytest.mark.parametrize(
    ("params", "source"),
    [
        ("model: openai/m, api_key: os.environ/MY_KEY", "environment variable MY_KEY"),
        ("model: openai/m, api_key: sk-written", "api_key in config.yaml's entry 2"),
        ("model: openai/m", "environment variable OPENAI_API_KEY"),
        ('model: openai/m, api_base: "http://a/v1"', "config.yaml's entry 2, which has no api_key"),
    ],
)
def test_an_error_can_name_where_a_key_came_from(load: Load, params: str, source: str) -> None:
    first = entry('model: hosted_vllm/x, api_base: "http://x/v1"', name="x")

    settings = load(
        f"model_list: [{first}, {entry(params)}]", {"MY_KEY": "sk-mine", "OPENAI_API_KEY": "sk-usual"}
    )

    assert settings.deployments[1].key_source == source


@pytest.mark.parametrize(
    ("params", "lane"),
    [
        ("model: openai/m, api_key: k", BatchLane.NATIVE),
        ("model: openai/m, api_key: k, batch_lane: lines", BatchLane.LINES),
        ('model: openai/m, api_key: k, api_base: "https://eu.api.openai.com/v1"', BatchLane.NATIVE),
        ('model: openai/m, api_base: "https://api.openai.com.evil/v1"', BatchLane.LINES),
        ('model: openai/m, api_base: "http://a/v1"', BatchLane.LINES),
        ('model: openai/m, api_base: "http://a/v1", batch_lane: native', BatchLane.NATIVE),
        ('model: hosted_vllm/m, api_base: "http://a/v1"', BatchLane.LINES),
        ('model: azure/m, api_base: "http://a", batch_lane: native', BatchLane.NATIVE),
    ],
)
def test_the_lane_follows_from_who_runs_the_model(load: Load, params: str, lane: BatchLane) -> None:
    settings = load(f"model_list: [{entry(params)}]")

    assert only(settings).lane is lane
    assert bool(settings.providers) is (lane is BatchLane.NATIVE)


def test_openais_account_is_told_to_openai_only(load: Load) -> None:
    entries = (
        entry("model: openai/m"),
        entry('model: openai/m, api_base: "http://a/v1"'),
        entry("model: azure/m"),
    )
    environ = {
        "OPENAI_API_KEY": "sk-usual",
        "OPENAI_ORGANIZATION": "org-1",
        "OPENAI_PROJECT": "proj_1",
        **AZURE,
    }

    settings = load(f"model_list: [{', '.join(entries)}]", environ)

    told = [(each.api_key, each.organization, each.project) for each in settings.deployments]
    assert told == [("sk-usual", "org-1", "proj_1"), (None, None, None), ("azure-key", None, None)]


def test_an_entrys_organization_and_project_win(load: Load) -> None:
    params = "model: openai/m, api_key: k, organization: org-own, project: proj_own"
    environ = {"OPENAI_ORGANIZATION": "org-1", "OPENAI_PROJECT": "proj_1"}

    deployment = only(load(f"model_list: [{entry(params)}]", environ))

    assert (deployment.organization, deployment.project) == ("org-own", "proj_own")


def test_two_accounts_of_one_provider_are_two_deployments(load: Load) -> None:
    entries = (
        entry("model: openai/m, api_key: one"),
        entry("model: openai/m, api_key: two"),
        entry("model: openai/m, api_key: two, project: proj_1"),
    )

    settings = load(f"model_list: [{', '.join(entries)}]")

    assert len({each.id for each in settings.deployments_for("m")}) == 3


def test_keys_of_another_provider_are_set_aside_with_a_warning(load: Load) -> None:
    entries = (
        entry("model: openai/m, api_key: k, api_version: 2024-10-21"),
        entry("model: azure/m, organization: org-1"),
    )

    (warning,) = load(f"model_list: [{', '.join(entries)}]", AZURE).warnings

    assert "model_list[0].litellm_params.api_version" in warning
    assert "model_list[1].litellm_params.organization" in warning


def test_bounds_of_the_line_lane_are_not_promised_for_a_batch_api(load: Load) -> None:
    (warning,) = load(f"model_list: [{entry('model: azure/m, rpm: 10, tpm: 1000')}]", AZURE).warnings

    assert "m: rpm and tpm would bound lines that Overnight sends itself" in warning
