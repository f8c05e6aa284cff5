"""What a config file means once it is read."""

from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from overnight.config import LocalStorageSettings, Settings
from overnight.domain.deployment import BatchLane
from overnight.domain.errors import UnknownDeployment
from overnight.domain.usage import TokenKind
from overnight.storage.settings import S3Settings
from tests.overnight.config.conftest import Load

SEED_PAGE = """
model_list:
  - model_name: vllm-model
    litellm_params:
      model: openai/facebook/opt-125m # the `openai/` prefix tells litellm it's openai compatible
      api_base: http://0.0.0.0:4000/v1
      api_key: none

batch_settings:
  # Configure S3 for batch file storage
  model: vllm-model
  batch_storage_params:
    s3_bucket_name: my-batch-bucket   # AWS Bucket Name for S3
    s3_region_name: us-west-2         # AWS Region Name for S3
    s3_aws_access_key_id: os.environ/AWS_ACCESS_KEY_ID           # AWS Access Key ID for S3
    s3_aws_secret_access_key: os.environ/AWS_SECRET_ACCESS_KEY   # AWS Secret Access Key for S3
"""
AWS = {"AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "very-secret"}


def rates_of(settings: Settings) -> tuple[Decimal | None, Decimal | None]:
    """What a token of input and one of output cost at the only deployment."""
    price = settings.deployments[0].price
    assert price is not None
    (rates,) = price.rates
    return rates.usd.get(TokenKind.INPUT), rates.usd.get(TokenKind.OUTPUT)


def test_the_file_from_litellms_page_is_read_word_for_word(load: Load) -> None:
    settings = load(SEED_PAGE, AWS)

    (deployment,) = settings.deployments
    assert deployment.model_name == "vllm-model"
    assert (deployment.provider, deployment.model) == ("openai", "facebook/opt-125m")
    assert deployment.api_base == "http://0.0.0.0:4000/v1"
    assert deployment.api_key == "none"
    assert deployment.lane is BatchLane.LINES
    assert settings.default_model == "vllm-model"
    assert settings.storage == S3Settings(
        bucket="my-batch-bucket",
        region="us-west-2",
        access_key_id="AKIA",
        secret_access_key="very-secret",
    )


def test_the_file_from_litellms_page_warns_of_pointing_at_the_gateway(load: Load) -> None:
    (itself,) = load(SEED_PAGE, AWS).warnings

    assert "http://0.0.0.0:4000/v1 is this gateway itself" in itself


def test_a_self_hosted_model_has_all_its_parameters(load: Load) -> None:
    settings = load(
        """
        model_list:
          - model_name: small
            litellm_params:
              model: hosted_vllm/org/model-7b
              api_base: http://gpu:8000/v1/
              api_key: os.environ/VLLM_KEY
              organization: org-1
              timeout: 90
              batch_lane: lines
              max_parallel_requests: 8
              rpm: os.environ/RPM
              tpm: 90000
        """,
        {"VLLM_KEY": "k", "RPM": "120"},
    )

    (deployment,) = settings.deployments
    assert deployment.model == "org/model-7b"
    assert deployment.api_base == "http://gpu:8000/v1"
    assert deployment.api_key == "k"
    assert deployment.organization == "org-1"
    assert deployment.timeout == timedelta(seconds=90)
    assert (deployment.max_parallel_requests, deployment.rpm, deployment.tpm) == (8, 120, 90_000)
    assert settings.warnings == ()


def test_openai_itself_gets_its_usual_key_and_runs_in_its_own_lane(load: Load) -> None:
    settings = load(
        "model_list: [{model_name: gpt, litellm_params: {model: openai/gpt-4o}}]",
        {"OPENAI_API_KEY": "sk-real"},
    )

    (deployment,) = settings.deployments
    assert deployment.api_base == "https://api.openai.com/v1"
    assert deployment.api_key == "sk-real"
    assert deployment.lane is BatchLane.NATIVE
    assert settings.warnings == ()


def test_openais_key_never_goes_to_somebody_elses_endpoint(load: Load) -> None:
    settings = load(
        'model_list: [{model_name: m, litellm_params: {model: openai/m, api_base: "http://else:1/v1"}}]',
        {"OPENAI_API_KEY": "sk-real"},
    )

    assert settings.deployments[0].api_key is None


def test_several_entries_of_one_name_are_several_deployments(load: Load) -> None:
    settings = load(
        """
        model_list:
          - {model_name: m, litellm_params: {model: hosted_vllm/m, api_base: "http://a/v1"}}
          - {model_name: m, litellm_params: {model: hosted_vllm/m, api_base: "http://b/v1"}}
        """
    )

    assert [each.api_base for each in settings.deployments_for("m")] == ["http://a/v1", "http://b/v1"]
    assert settings.models == ("m",)
    assert len({each.id for each in settings.deployments}) == 2


def test_an_id_stays_when_the_key_or_the_address_changes(load: Load) -> None:
    text = 'model_list: [{{model_name: m, litellm_params: {{model: openai/m, api_key: {}, api_base: "{}"}}}}]'
    first = load(text.format("one", "http://a/v1")).deployments[0]
    rotated = load(text.format("two", "http://a/v1")).deployments[0]
    moved = load(text.format("one", "http://b/v1")).deployments[0]

    assert first.id == rotated.id == moved.id


def test_a_deployment_is_found_by_id_and_missed_by_another(load: Load) -> None:
    settings = load(
        'model_list: [{model_name: m, litellm_params: {model: openai/m, api_base: "http://a/v1"}}]'
    )

    assert settings.deployment(settings.deployments[0].id) == settings.deployments[0]
    with pytest.raises(UnknownDeployment, match="dep_gone"):
        settings.deployment("dep_gone")


def test_prices_are_exact_and_batch_prices_win(load: Load) -> None:
    settings = load(
        """
        model_list:
          - model_name: m
            litellm_params: {model: openai/m, api_base: "http://a/v1"}
            model_info:
              input_cost_per_token: 0.00000015
              output_cost_per_token: 6e-7
              input_cost_per_token_batches: 0.000000075
              owner: the search team
        """
    )

    assert rates_of(settings) == (Decimal("0.00000015"), Decimal("6e-7"))
    assert settings.warnings == ()


def test_prices_among_the_parameters_count_as_litellm_counts_them(load: Load) -> None:
    settings = load(
        """
        model_list:
          - model_name: m
            litellm_params: {model: openai/m, api_base: "http://a/v1", input_cost_per_token: 1.5e-6}
            model_info: {input_cost_per_token: 9, output_cost_per_token: 9}
        """
    )

    assert rates_of(settings) == (Decimal("1.5e-6"), None)


def test_what_means_nothing_here_is_set_aside_with_one_warning(load: Load) -> None:
    settings = load(
        """
        model_list:
          - model_name: m
            litellm_params: {model: openai/m, api_base: "http://a/v1", drop_params: true, temperature: 0}
            model_info: {input_cost_per_second: 1}
        router_settings: {routing_strategy: os.environ/NOT_SET}
        litellm_settings: {drop_params: true}
        environment_variables: {A: b}
        general_settings: {alerting: [slack], store_model_in_db: true}
        """
    )

    (warning,) = settings.warnings
    for key in (
        "model_list[0].litellm_params.drop_params",
        "model_list[0].litellm_params.temperature",
        "model_list[0].model_info.input_cost_per_second",
        "router_settings",
        "litellm_settings.drop_params",
        "environment_variables",
        "general_settings.alerting",
        "general_settings.store_model_in_db",
    ):
        assert key in warning


def test_defaults_fill_what_is_left_out(load: Load, tmp_path: Path) -> None:
    settings = load(
        'model_list: [{model_name: m, litellm_params: {model: openai/m, api_base: "http://a/v1"}}]'
    )

    assert settings.storage == LocalStorageSettings(tmp_path / "data" / "objects")
    assert settings.database_url == f"sqlite+aiosqlite:///{tmp_path}/data/catalog.db"
    assert (settings.poll_initial, settings.poll_max) == (timedelta(seconds=5), timedelta(seconds=60))
    assert settings.default_model is None
    assert settings.master_key is None


def test_general_and_batch_settings_are_taken_over(load: Load) -> None:
    settings = load(
        """
        general_settings: {master_key: os.environ/MASTER, database_url: sqlite:////srv/rows.db}
        batch_settings: {poll_initial_seconds: 0.5, poll_max_seconds: 2, provider_calls_per_second: 1.5}
        """,
        {"MASTER": "sk-master"},
    )

    assert settings.master_key == "sk-master"
    assert settings.database_url == "sqlite+aiosqlite:////srv/rows.db"
    assert (settings.poll_initial, settings.poll_max) == (timedelta(seconds=0.5), timedelta(seconds=2))
    assert settings.provider_calls_per_second == 1.5


def test_rows_may_be_in_postgresql_with_a_pool_as_litellm_says_it(load: Load) -> None:
    url = "postgresql://night:hunter2@db/overnight?sslmode=require"

    settings = load(
        """
        general_settings:
          master_key: os.environ/MASTER
          database_url: os.environ/DATABASE_URL
          database_connection_pool_limit: 3
          database_connection_timeout: 5
        """,
        {"MASTER": "sk-1", "DATABASE_URL": url},
    )

    assert settings.database_url == f"{url}&connection_limit=3&pool_timeout=5"
    assert "hunter2" not in repr(settings)
    assert not any("database" in warning for warning in settings.warnings)


def test_metrics_are_closed_and_a_worker_serves_none_unless_the_file_says_so(load: Load) -> None:
    usual = load("{}")
    assert (usual.metrics_open, usual.worker_metrics_port) == (False, None)
    told = load("general_settings: {metrics_open: true, worker_metrics_port: 9464}")
    assert (told.metrics_open, told.worker_metrics_port) == (True, 9464)


def test_webhooks_may_go_to_hosts_and_networks_that_are_allowed_and_by_default_to_none(load: Load) -> None:
    allowed = load("general_settings: {webhook_allowed_hosts: [hooks.internal, 10.0.0.0/8]}").webhook_hosts
    assert allowed.admits("10.1.2.3", host="a.example.com")
    assert allowed.admits("192.168.0.1", host="hooks.internal")
    assert not load("{}").webhook_hosts.admits("10.1.2.3", host="a.example.com")


def test_no_secret_is_in_a_settings_repr(load: Load) -> None:
    settings = load(
        """
        model_list:
          - {model_name: m, litellm_params: {model: openai/m, api_base: "http://a/v1", api_key: sk-model}}
        general_settings: {master_key: sk-master}
        """
    )

    assert "sk-model" not in repr(settings)
    assert "sk-master" not in repr(settings)


@pytest.mark.parametrize(
    ("base", "port", "warned"),
    [
        ("http://localhost:4000/v1", 4000, True),
        ("http://127.0.0.1:4000", 4000, True),
        ("http://[::1]:4000/v1", 4000, True),
        ("http://127.0.0.1:5000/v1", 5000, True),
        ("http://127.0.0.1/v1", 80, True),
        ("http://127.0.0.1:4000/v1", 5000, False),
        ("http://gpu:4000/v1", 4000, False),
    ],
)
def test_an_api_base_that_is_the_gateway_itself_is_warned_of(
    load: Load, base: str, port: int, *, warned: bool
) -> None:
    text = f'model_list: [{{model_name: m, litellm_params: {{model: openai/m, api_base: "{base}"}}}}]'

    warnings = load(text, gateway_port=port).warnings

    assert any("this gateway itself" in warning for warning in warnings) is warned


def test_a_star_serves_the_names_that_no_other_entry_has(load: Load) -> None:
    settings = load(
        """
        model_list:
          - {model_name: "*", litellm_params: {model: openai/*, api_base: "http://any/v1"}}
          - {model_name: m, litellm_params: {model: openai/m, api_base: "http://m/v1"}}
        batch_settings: {model: whatever}
        """
    )

    assert [each.api_base for each in settings.deployments_for("m")] == ["http://m/v1"]
    assert [each.api_base for each in settings.deployments_for("other")] == ["http://any/v1"]
    assert settings.models == ("m",)


def test_an_empty_file_is_a_config_without_models(load: Load) -> None:
    settings = load("")

    assert settings.deployments == ()
    assert settings.deployments_for("m") == ()
    assert "no model is configured" in settings.warnings[0]


def test_yaml_anchors_and_merges_work(load: Load) -> None:
    settings = load(
        """
        model_list:
          - {model_name: a, litellm_params: &shared {model: openai/m, api_base: "http://a/v1", rpm: 7}}
          - model_name: b
            litellm_params: {<<: *shared, rpm: 8}
        """
    )

    assert [each.rpm for each in settings.deployments] == [7, 8]
