"""What is wrong with a config is said where it stands, in words, and all at once."""

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from overnight.config import load_settings
from overnight.domain.errors import InvalidConfig

Complaint = Callable[[str], str]


@pytest.fixture
def complaint(tmp_path: Path) -> Complaint:
    def complaint(text: str) -> str:
        path = tmp_path / "config.yaml"
        path.write_text(dedent(text).lstrip())
        with pytest.raises(InvalidConfig) as caught:
            load_settings(path, data_dir=tmp_path, environ={})
        return caught.value.message

    return complaint


def params(inside: str) -> str:
    return f"model_list: [{{model_name: m, litellm_params: {{{inside}}}}}]"


HERE = 'api_base: "http://a/v1"'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            params(f"model: openai/m, api_bse: x, {HERE}"),
            "api_bse: nobody knows this key; did you mean `api_base`?",
        ),
        ("modellist: []", "modellist: nobody knows this key; did you mean `model_list`?"),
        ("general_settings: {master_kye: x}", "did you mean `master_key`?"),
        ("batch_settings: {poll_intial_seconds: 1}", "did you mean `poll_initial_seconds`?"),
        ("batch_settings: {batch_storage_params: {s3_bucket: b}}", "did you mean `s3_bucket_name`?"),
        ("router_setting: {}", "did you mean `router_settings`?"),
        ("xyzzy: 1", "it could be model_list, batch_settings, general_settings"),
        (
            params(f"model: openai/m, api_key: os.environ/NOPE, {HERE}"),
            "api_key: the environment variable NOPE is not",
        ),
        (
            params("model: openai/gpt-4o"),
            "api_key: is missing, and the environment variable OPENAI_API_KEY is not set",
        ),
        (
            params("model: azure/gpt"),
            "api_base: is missing, and the environment variable AZURE_API_BASE is not set",
        ),
        (
            params("model: vertex_ai/gemini"),
            "vertex_project: is missing, and the environment variable VERTEXAI_PROJECT is not set",
        ),
        (
            params("model: vertex_ai/gemini, vertex_project: p"),
            "vertex_location: is missing, and the environment variable VERTEXAI_LOCATION is not set",
        ),
        (
            params("model: vertex_ai/gemini, vertex_project: p, vertex_location: l"),
            "gcs_bucket_name: is missing, and the environment variable GCS_BATCH_BUCKET_NAME is not set",
        ),
        (
            params("model: vertex_ai/gemini, vertex_project: p, vertex_location: l, gcs_bucket_name: gs://"),
            "gcs_bucket_name: should name a bucket, as in my-bucket or my-bucket/folder",
        ),
        (
            params("model: vertex_ai/gemini, batch_lane: lines"),
            "vertex_ai/ models are run by Vertex AI's batch prediction",
        ),
        (params("model: bedrock/claude"), "nobody knows the provider `bedrock`"),
        (params("model: gpt-4o"), "model: should name a provider and a model, as in openai/gpt-4o"),
        (params(HERE), "litellm_params.model: is missing"),
        (params("model: hosted_vllm/m"), "api_base: is missing: where does m run?"),
        (params("model: openai/m, api_base: nonsense"), "api_base: should be a URL"),
        (params('model: openai/m, api_base: "http://[::1"'), "api_base: should be a URL"),
        (params('model: openai/m, api_base: "http://u:p@h/v1"'), "api_base: should hold no user or password"),
        (params('model: azure/m, api_base: "http://a?api-version=1"'), "without `?` or `#`"),
        (
            params(f"model: hosted_vllm/m, batch_lane: native, {HERE}"),
            "hosted_vllm/ has no batch API; if the server at api_base copies OpenAI's, say model: openai/m",
        ),
        (
            params(f"model: azure/m, batch_lane: lines, {HERE}"),
            "say model: openai/m with the resource's address and /openai/v1 as api_base",
        ),
        (params(f"model: openai/m, batch_lane: fast, {HERE}"), "batch_lane: should be 'native' or 'lines'"),
        (params(f"model: openai/m, rpm: 0, {HERE}"), "rpm: should be greater than or equal to 1"),
        (params(f"model: openai/m, timeout: soon, {HERE}"), "timeout: should be a valid number"),
        (params(f"model: openai/*, {HERE}"), "openai/* goes with the model_name `*` only"),
        (
            "model_list: [{model_name: a*, litellm_params: {model: openai/m, api_base: 'http://a'}}]",
            "not for a part",
        ),
        ("model_list: [{model_name: m}]", "model_list[0].litellm_params: is missing"),
        ("model_list: [5]", "model_list[0]: should be a mapping of keys to values, not a single value"),
        ("model_list: {a: 1}", "model_list: should be a valid list"),
        ("general_settings: [1]", "general_settings: should be a mapping of keys to values, not a list"),
        ("[1, 2]", "should be a mapping of keys to values, not a list"),
        (
            "batch_settings: {model: nobody}",
            "batch_settings.model: no entry of model_list has the name `nobody`",
        ),
        (
            "batch_settings: {poll_max_seconds: 1}",
            "poll_max_seconds: should be at least poll_initial_seconds, 5",
        ),
        ("batch_settings: {batch_storage_params: {s3_prefix: x}}", "s3_bucket_name: is missing"),
        (
            "batch_settings: {batch_storage_params: {s3_bucket_name: a, gcs_bucket_name: b}}",
            "one place only, but it names s3 and gcs",
        ),
        ("general_settings: {database_url: sqlite:///}", "should be postgresql://user:password@host:port/"),
        (
            "general_settings: {database_url: 'mysql://a:hunter2@h/db'}",
            "should be postgresql://user:password@",
        ),
        ("general_settings: {database_url: 'postgresql+psycopg://a:hunter2@h/db'}", "the driver is asyncpg"),
        ("general_settings: {database_connection_pool_limit: 0}", "greater than or equal to 1"),
        (
            "general_settings: {webhook_allowed_hosts: [hooks.internal, 'http://a/']}",
            "webhook_allowed_hosts: should list hosts, addresses and networks, as in 10.0.0.0/8; `http://a/`",
        ),
        (
            "general_settings: {openai_webhook_secret: whsec_x}",
            "openai_webhook_secret: should be what OpenAI",
        ),
        ("general_settings: {}\ngeneral_settings: {}", "line 2, general_settings: stands twice"),
    ],
)
def test_each_mistake_is_named(complaint: Complaint, text: str, said: str) -> None:
    assert said in complaint(text)


def test_a_misspelt_price_is_an_error_and_not_a_note(complaint: Complaint) -> None:
    text = """
        model_list:
          - model_name: m
            litellm_params: {model: openai/m, api_base: "http://a/v1"}
            model_info: {input_cost_per_tokens: 1}
        """

    assert "did you mean `input_cost_per_token`?" in complaint(text)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:hunter2#@host/db",
        "postgresql://user:hunter2/3@host/db",
        "postgresql://user:hunter2?x@host/db",
        "postgresql://user:hunter2[@host/db",
        "postgresql://user@b:hunter2@host/db",
        "postgresql://user:hunter2@host/db?sslmode=sometimes",
        "postgresql://user:hunter2@host/db?connect_timeout=soon",
        "postgresql://user:hunter2@host/db?colour=red",
        "mysql://user:hunter2@host/db",
    ],
)
def test_a_url_that_can_not_be_used_is_refused_without_quoting_its_password(
    complaint: Complaint, url: str
) -> None:
    said = complaint(f"general_settings: {{database_url: '{url}'}}")

    assert "general_settings.database_url" in said
    assert "hunter2" not in said


def test_a_value_that_is_refused_is_not_quoted(complaint: Complaint) -> None:
    assert "hunter2" not in complaint("general_settings: {master_key: [hunter2]}")


def test_two_entries_for_the_same_place_are_an_error(complaint: Complaint) -> None:
    entry = '{model_name: m, litellm_params: {model: openai/m, api_base: "http://a/v1", api_key: one}}'

    said = complaint(f"model_list: [{entry}, {entry}]")

    assert "model_list[1]: 'm' has an entry with this model, api_base and key already" in said


def test_all_problems_are_told_together_in_the_order_of_the_file(complaint: Complaint) -> None:
    said = complaint(
        """
        model_list:
          - model_name: a
            litellm_params:
              model: openai/m
              api_bse: http://a/v1
              api_key: os.environ/NOPE
              rpm: many
              batch_lane: fast
          - model_name: b
            litellm_params: {model: azure/b}
        batch_settings:
          model: c
        """
    )

    head, *problems = said.splitlines()
    assert head == "config.yaml can't be used, 6 problems:"
    assert [problem.split(",")[0].strip() for problem in problems] == [
        "line 5",
        "line 6",
        "line 7",
        "line 8",
        "line 10",
        "line 12",
    ]


def test_a_file_that_is_not_yaml_is_an_error_with_its_line(complaint: Complaint) -> None:
    assert "is not valid YAML (line 2)" in complaint("a: 1\nb: c: d")


def test_a_file_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InvalidConfig, match=r"nowhere\.yaml can't be read: No such file"):
        load_settings(tmp_path / "nowhere.yaml", data_dir=tmp_path, environ={})
