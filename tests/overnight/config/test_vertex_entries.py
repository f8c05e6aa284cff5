"""Entries that Vertex AI's batch prediction runs: where, as whom, and through which bucket."""

import pytest

from overnight.config import Settings
from overnight.domain.deployment import BatchLane, Deployment, GooglePlace
from tests.overnight.config.conftest import Load

USUAL = {"VERTEXAI_PROJECT": "proj", "VERTEXAI_LOCATION": "europe-west4", "GCS_BUCKET_NAME": "rows"}


def entry(params: str = "", *, model: str = "gemini-2.5-flash") -> str:
    return f"model_list: [{{model_name: m, litellm_params: {{model: vertex_ai/{model}{params}}}}}]"


def only(settings: Settings) -> Deployment:
    (deployment,) = settings.deployments
    return deployment


def place(deployment: Deployment) -> GooglePlace:
    assert deployment.google is not None
    return deployment.google


def test_an_entry_says_where_its_model_runs_and_where_its_rows_go(load: Load) -> None:
    said = (
        ", vertex_project: mine, vertex_location: us-central1, vertex_credentials: /keys/account.json"
        ", gcs_bucket_name: my-bucket"
    )

    deployment = only(load(entry(said), USUAL))

    assert (deployment.provider, deployment.model) == ("vertex_ai", "gemini-2.5-flash")
    assert deployment.lane is BatchLane.NATIVE
    assert deployment.api_base == "https://us-central1-aiplatform.googleapis.com"
    assert deployment.google == GooglePlace(
        project="mine", location="us-central1", bucket="my-bucket", credentials="/keys/account.json"
    )
    assert deployment.key_source == "vertex_credentials in config.yaml's entry 1"
    assert deployment.api_key is None


def test_what_an_entry_does_not_say_is_as_usual(load: Load) -> None:
    deployment = only(load(entry(), USUAL))

    assert deployment.google == GooglePlace(project="proj", location="europe-west4", bucket="rows")
    assert deployment.key_source == "Google's application default credentials"


def test_the_global_location_has_a_host_of_its_own(load: Load) -> None:
    deployment = only(load(entry(", vertex_location: global"), USUAL))

    assert deployment.api_base == "https://aiplatform.googleapis.com"
    assert place(deployment).location == "global"


def test_an_api_base_overrides_the_host(load: Load) -> None:
    deployment = only(load(entry(', api_base: "http://127.0.0.1:9/"'), USUAL))

    assert deployment.api_base == "http://127.0.0.1:9"


@pytest.mark.parametrize("written", ["b/some/path", "b/some/path/", "gs://b/some/path"])
def test_a_bucket_can_be_shared_with_others_from_a_folder_on(load: Load, written: str) -> None:
    found = place(only(load(entry(f', gcs_bucket_name: "{written}"'), USUAL)))

    assert (found.bucket, found.prefix) == ("b", "some/path/")


def test_the_bucket_has_an_older_name_too(load: Load) -> None:
    assert place(only(load(entry(", bucket_name: old"), USUAL))).bucket == "old"
    both = load(entry(", bucket_name: old, gcs_bucket_name: new"), USUAL)
    assert place(only(both)).bucket == "new"


def test_a_bucket_for_batches_goes_before_one_for_logs(load: Load) -> None:
    environ = {**USUAL, "GCS_BATCH_BUCKET_NAME": "batches"}

    assert place(only(load(entry(), environ))).bucket == "batches"


@pytest.mark.parametrize(
    ("variable", "credentials"),
    [("GOOGLE_APPLICATION_CREDENTIALS", None), ("VERTEXAI_CREDENTIALS", "/keys/one.json")],
)
def test_where_an_account_came_from_is_known(load: Load, variable: str, credentials: str | None) -> None:
    deployment = only(load(entry(), {**USUAL, variable: "/keys/one.json"}))

    assert place(deployment).credentials == credentials
    assert deployment.key_source == f"environment variable {variable}"


def test_credentials_are_shown_to_nobody(load: Load) -> None:
    inline = '{"type": "service_account", "private_key": "very secret"}'
    settings = load(entry(", vertex_credentials: os.environ/ACCOUNT"), {**USUAL, "ACCOUNT": inline})

    assert place(only(settings)).credentials == inline
    assert only(settings).key_source == "environment variable ACCOUNT"
    assert "very secret" not in repr(settings)


def test_two_entries_of_one_model_in_two_places_are_two_deployments(load: Load) -> None:
    one = "{model_name: m, litellm_params: {model: vertex_ai/gemini, vertex_location: us-central1}}"
    other = "{model_name: m, litellm_params: {model: vertex_ai/gemini, vertex_project: other}}"

    first, second = load(f"model_list: [{one}, {other}]", USUAL).deployments

    assert first.id != second.id


def test_the_environment_alone_makes_any_model_available(load: Load) -> None:
    (deployment,) = load("", USUAL).from_environment

    assert (deployment.provider, deployment.model_name, deployment.model) == ("vertex_ai", "*", "*")
    assert deployment.google == GooglePlace(project="proj", location="europe-west4", bucket="rows")


@pytest.mark.parametrize("missing", ["VERTEXAI_LOCATION", "GCS_BUCKET_NAME"])
def test_an_environment_that_says_only_half_of_it_is_worth_a_word(load: Load, missing: str) -> None:
    settings = load("", {name: value for name, value in USUAL.items() if name != missing})

    assert settings.from_environment == ()
    assert any(missing in warning for warning in settings.warnings)


def test_an_environment_for_several_says_who_is_asked(load: Load) -> None:
    settings = load("", {**USUAL, "OPENAI_API_KEY": "sk-usual"})

    assert [each.provider for each in settings.from_environment] == ["openai", "vertex_ai"]
    assert any("goes to Vertex AI only when it says so" in warning for warning in settings.warnings)
