"""`event_sinks`, and what LiteLLM's names for callbacks come to."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest

from overnight.config import callbacks, load_settings, sinks
from overnight.domain.errors import InvalidConfig
from overnight.events.settings import (
    LitellmSettings,
    ObjectsSettings,
    OtlpSettings,
    Signal,
    WebhookSettings,
)
from overnight.storage.settings import AzureBlobSettings, GcsSettings, S3Settings
from tests.overnight.config.conftest import Load

SECRET = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="


@pytest.fixture
def complaint(tmp_path: Path) -> Callable[[str], str]:
    def complaint(text: str) -> str:
        path = tmp_path / "config.yaml"
        path.write_text(dedent(text))
        with pytest.raises(InvalidConfig) as caught:
            load_settings(path, data_dir=tmp_path, environ={})
        return caught.value.message

    return complaint


@pytest.fixture
def without_litellm(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_spec(name: str) -> object:
        return None if name == "litellm" else importlib.util.find_spec(name)

    for module in (callbacks, sinks):
        monkeypatch.setattr(module, "find_spec", find_spec)


def test_with_nothing_said_events_go_to_the_log_alone(load: Load) -> None:
    settings = load("{}")
    assert (settings.logs_events, dict(settings.sinks)) == (True, {})


def test_any_number_of_sinks_is_taken_and_the_log_only_if_it_is_listed(load: Load) -> None:
    settings = load(
        """
        event_sinks:
          - type: otlp
            endpoint: https://otlp.example.com
            headers: {x-api-key: os.environ/OTLP_KEY}
            resource: {deployment.environment.name: night}
          - {type: otlp, name: traces, signal: traces, endpoint: "https://otlp.example.com/v1/traces"}
          - {type: webhook, url: "http://10.0.0.7/hook", secret: os.environ/HOOK}
          - {type: objects, log_content: true, storage: {s3_bucket_name: logs, s3_prefix: night}}
          - {type: litellm, callback: langfuse}
        """,
        {"OTLP_KEY": "k", "HOOK": SECRET},
    )
    assert not settings.logs_events
    assert settings.sinks == {
        "otlp": OtlpSettings(
            name="otlp",
            url="https://otlp.example.com/v1/logs",
            headers={"x-api-key": "k"},
            resource={"deployment.environment.name": "night"},
        ),
        "traces": OtlpSettings(name="traces", url="https://otlp.example.com/v1/traces", signal=Signal.TRACES),
        "webhook": WebhookSettings(name="webhook", url="http://10.0.0.7/hook", secret=SECRET),
        "objects": ObjectsSettings(
            name="objects", bucket=S3Settings(bucket="logs", prefix="night"), log_content=True
        ),
        "langfuse": LitellmSettings(name="langfuse", callback="langfuse"),
    }
    assert load("event_sinks: [{type: log}]").logs_events


def test_no_secret_is_shown(load: Load) -> None:
    settings = load(
        """
        event_sinks:
          - {type: otlp, endpoint: "https://a/s3cret", headers: {authorization: s3cret}}
          - {type: webhook, url: "http://h/s3cret", secret: os.environ/HOOK}
        """,
        {"HOOK": SECRET},
    )
    assert len(settings.sinks) == 2
    assert "s3cret" not in repr(settings)
    assert SECRET not in repr(settings)


def test_opentelemetrys_own_variables_describe_a_sink(load: Load) -> None:
    environ = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "https://otlp.example.com/otlp",
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Basic%20abc%3D,x-a=b",
        "OTEL_SERVICE_NAME": "batches",
        "OTEL_RESOURCE_ATTRIBUTES": "team=search",
    }
    (sink,) = load("event_sinks: [{type: otlp}]", environ).sinks.values()
    assert sink == OtlpSettings(
        name="otlp",
        url="https://otlp.example.com/otlp/v1/logs",
        headers={"authorization": "Basic abc=", "x-a": "b"},
        resource={"team": "search", "service.name": "batches"},
    )
    own = {**environ, "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "https://logs.example.com/in"}
    (sink,) = load("event_sinks: [{type: otlp}]", own).sinks.values()
    assert isinstance(sink, OtlpSettings)
    assert sink.url == "https://logs.example.com/in"


def test_the_environments_key_goes_to_no_other_endpoint(load: Load) -> None:
    (sink,) = load(
        "event_sinks: [{type: otlp, endpoint: 'https://other.example.com'}]",
        {"OTEL_EXPORTER_OTLP_HEADERS": "authorization=secret"},
    ).sinks.values()
    assert isinstance(sink, OtlpSettings)
    assert sink.headers == {}


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{type: otpl}", "event_sinks[0].type: should be one of log, otlp, webhook, objects, litellm"),
        ("{type: otlp}", "endpoint: is missing, and the environment variable OTEL_EXPORTER_OTLP_ENDPOINT"),
        ("{type: otlp, endpoint: nowhere}", "endpoint: should be a URL"),
        ("{type: otlp, endpont: 'http://a'}", "nobody knows this key; did you mean `endpoint`?"),
        ("{type: webhook, url: 'http://a'}", "secret: is missing"),
        ("{type: webhook, url: 'http://a', secret: '%'}", "secret: should be base64"),
        ("{type: objects}", "storage: should name a bucket"),
        ("{type: litellm, callback: langfus}", "callback: is none of LiteLLM's that can be called"),
        ("{type: log, log_content: true}", "log_content: only objects and otlp take prompts and answers"),
        ("{type: log, name: 'Not A Name'}", "name"),
        ("{type: log}, {type: log}", "another sink is called `log`"),
    ],
)
def test_each_mistake_is_named(complaint: Callable[[str], str], entry: str, said: str) -> None:
    assert said in complaint(f"event_sinks: [{entry}]")


def test_callbacks_that_exist_here_are_used_from_here(load: Load) -> None:
    settings = load(
        """
        litellm_settings:
          success_callback: [otel, s3_v2]
          failure_callback: [otel]
          callbacks: [gcs_bucket, azure_storage]
          s3_callback_params:
            s3_bucket_name: logs
            s3_path: night
            s3_aws_access_key_id: os.environ/KEY_ID
            s3_aws_secret_access_key: secret
            s3_use_team_prefix: true
        """,
        {
            "OTEL_ENDPOINT": "http://collector:4318",
            "OTEL_HEADERS": "x-a=b",
            "KEY_ID": "id",
            "GCS_BUCKET_NAME": "g",
            "AZURE_STORAGE_ACCOUNT_NAME": "a",
            "AZURE_STORAGE_FILE_SYSTEM": "c",
            "AZURE_STORAGE_ACCOUNT_KEY": "k",
        },
    )
    s3 = S3Settings(bucket="logs", prefix="night", access_key_id="id", secret_access_key="secret")
    azure = AzureBlobSettings(container="c", account_name="a", account_key="k")
    assert settings.logs_events
    assert settings.sinks == {
        "otel": OtlpSettings(name="otel", url="http://collector:4318/v1/logs", headers={"x-a": "b"}),
        "s3_v2": ObjectsSettings(name="s3_v2", bucket=s3),
        "gcs_bucket": ObjectsSettings(name="gcs_bucket", bucket=GcsSettings(bucket="g")),
        "azure_storage": ObjectsSettings(name="azure_storage", bucket=azure),
    }


def test_other_callbacks_are_litellms_own_and_hear_of_what_they_are_listed_for(load: Load) -> None:
    settings = load("litellm_settings: {success_callback: [langfuse, lago], failure_callback: [langfuse]}")
    assert settings.sinks == {
        "langfuse": LitellmSettings(name="langfuse", callback="langfuse"),
        "lago": LitellmSettings(name="lago", callback="lago", failures=False),
    }


@pytest.mark.usefixtures("without_litellm")
def test_a_file_that_works_with_litellm_starts_without_it_and_says_what_is_missing(load: Load) -> None:
    settings = load("litellm_settings: {success_callback: [langfuse, prometheus, my.own], callbacks: otel}")
    assert settings.sinks == {}
    unset, missing, strange = settings.warnings[:3]
    assert "otel gets no events, because OTEL_EXPORTER_OTLP_ENDPOINT is not set" in unset
    assert "langfuse get no events: they are LiteLLM's own; pip install 'overnight[litellm]'" in missing
    assert "no logging callbacks that work here: prometheus, my.own" in strange


@pytest.mark.usefixtures("without_litellm")
def test_a_sink_of_litellms_that_was_asked_for_needs_litellm(complaint: Callable[[str], str]) -> None:
    assert "LiteLLM is not installed" in complaint("event_sinks: [{type: litellm, callback: langfuse}]")
