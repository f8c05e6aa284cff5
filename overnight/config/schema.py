"""The shape of config.yaml, section by section. Only what stands inside one section is checked here."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from overnight.config import litellm
from overnight.domain.deployment import BatchLane

Positive = Annotated[int, Field(ge=1)]
Port = Annotated[int, Field(ge=1, le=65_535)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
ListLag = Annotated[float, Field(gt=0, le=120)]
"""In seconds, waited for within a single step: more than two minutes is a mistake."""
Price = Annotated[Decimal, Field(ge=0, allow_inf_nan=False, decimal_places=18)]
"""Sums are kept to 18 places, so that nothing is ever rounded."""
Text = Annotated[str, Field(min_length=1)]


class Section(BaseModel):
    """One mapping of the file.

    `set_aside` are LiteLLM's keys that are accepted and mean nothing here; where `takes_notes`, people may
    write what they like beside the keys that mean something.
    """

    # Inputs are hidden because keys and passwords are among them.
    model_config = ConfigDict(frozen=True, coerce_numbers_to_str=True, hide_input_in_errors=True)
    set_aside: ClassVar[frozenset[str]] = frozenset()
    takes_notes: ClassVar[bool] = False

    @classmethod
    def knows(cls, key: str) -> bool:
        """Whether the key means something here."""
        return key in cls.model_fields

    @classmethod
    def sets_aside(cls, key: str) -> bool:
        """Whether the key is LiteLLM's and means nothing here."""
        return key in cls.set_aside


class Prices(Section):
    """US dollars a token, of whatever kind; what has no price of its own costs what its side costs."""

    input_cost_per_token: Price | None = None
    input_cost_per_token_batches: Price | None = None
    input_cost_per_token_flex: Price | None = None
    input_cost_per_token_priority: Price | None = None
    input_cost_per_token_above_200k_tokens: Price | None = None
    input_cost_per_token_above_200k_tokens_batches: Price | None = None
    input_cost_per_token_above_200k_tokens_priority: Price | None = None
    input_cost_per_audio_token: Price | None = None
    input_cost_per_audio_token_batches: Price | None = None
    input_cost_per_image_token: Price | None = None
    input_cost_per_image_token_batches: Price | None = None
    cache_read_input_token_cost: Price | None = None
    cache_read_input_token_cost_batches: Price | None = None
    cache_read_input_token_cost_flex: Price | None = None
    cache_read_input_token_cost_priority: Price | None = None
    cache_read_input_token_cost_above_200k_tokens: Price | None = None
    cache_read_input_token_cost_above_200k_tokens_batches: Price | None = None
    cache_read_input_token_cost_above_200k_tokens_priority: Price | None = None
    cache_read_input_audio_token_cost: Price | None = None
    cache_read_input_image_token_cost: Price | None = None
    cache_creation_input_token_cost: Price | None = None
    cache_creation_input_token_cost_above_1hr: Price | None = None
    cache_creation_input_token_cost_above_200k_tokens: Price | None = None
    output_cost_per_token: Price | None = None
    output_cost_per_token_batches: Price | None = None
    output_cost_per_token_flex: Price | None = None
    output_cost_per_token_priority: Price | None = None
    output_cost_per_token_above_200k_tokens: Price | None = None
    output_cost_per_token_above_200k_tokens_batches: Price | None = None
    output_cost_per_token_above_200k_tokens_priority: Price | None = None
    output_cost_per_audio_token: Price | None = None
    output_cost_per_image_token: Price | None = None
    output_cost_per_image_token_batches: Price | None = None
    output_cost_per_video_token: Price | None = None
    output_cost_per_reasoning_token: Price | None = None


class ModelInfo(Prices):
    """`model_info`: prices, the entry's own id, and any note an operator likes to keep there."""

    takes_notes = True
    id: Text | None = None
    base_model: Text | None = None

    @classmethod
    def sets_aside(cls, key: str) -> bool:
        """Whether the key is a price of LiteLLM's that is not counted here."""
        return litellm.PRICE_MARK in key


class ModelParams(Prices):
    """`litellm_params`: where a model runs, and how hard it may be driven."""

    set_aside = litellm.MODEL_PARAMS
    model: Text
    api_base: Text | None = None
    api_key: Text | None = Field(default=None, repr=False)
    api_version: Text | None = None
    azure_ad_token: Text | None = Field(default=None, repr=False)
    organization: Text | None = None
    project: Text | None = None
    timeout: Seconds | None = None
    base_model: Text | None = None
    batch_lane: BatchLane | None = None
    batch_list_lag_seconds: ListLag | None = None
    vertex_project: Text | None = None
    vertex_location: Text | None = None
    vertex_credentials: Text | None = Field(default=None, repr=False)
    gcs_bucket_name: Text | None = None
    bucket_name: Text | None = None
    max_parallel_requests: Positive | None = None
    rpm: Positive | None = None
    tpm: Positive | None = None


class ModelEntry(Section):
    """One entry of `model_list`; its sections are read one by one."""

    set_aside = litellm.MODEL_ENTRY
    model_name: Text
    litellm_params: object
    model_info: object = None


class StorageParams(Section):
    """`batch_storage_params`: where bytes live, and who fetches them. LiteLLM calls a prefix a path."""

    redirect_downloads: bool = False
    s3_bucket_name: Text | None = None
    s3_region_name: Text | None = None
    s3_aws_access_key_id: Text | None = Field(default=None, repr=False)
    s3_aws_secret_access_key: Text | None = Field(default=None, repr=False)
    s3_aws_session_token: Text | None = Field(default=None, repr=False)
    s3_endpoint_url: Text | None = None
    s3_prefix: str | None = None
    s3_path: str | None = None
    s3_server_side_encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    s3_sse_kms_key_id: Text | None = None
    gcs_bucket_name: Text | None = None
    gcs_prefix: str | None = None
    gcs_path: str | None = None
    gcs_path_service_account: Text | None = Field(default=None, repr=False)
    azure_storage_account_name: Text | None = None
    azure_storage_account_key: Text | None = Field(default=None, repr=False)
    azure_storage_connection_string: Text | None = Field(default=None, repr=False)
    azure_storage_container: Text | None = None
    azure_prefix: str | None = None


class BatchSettings(Section):
    """`batch_settings`: how batches are run."""

    model: Text | None = None
    batch_storage_params: object = None
    poll_initial_seconds: Seconds = 5
    poll_max_seconds: Seconds = 60
    provider_calls_per_second: Rate | None = None


class GeneralSettings(Section):
    """`general_settings`: who may come in, whose webhooks count, where ours may go, where rows live."""

    set_aside = litellm.GENERAL_SETTINGS
    master_key: Text | None = Field(default=None, repr=False)
    database_url: Text | None = Field(default=None, repr=False)
    database_connection_pool_limit: Annotated[int, Field(ge=1, le=10_000)] | None = None
    database_connection_timeout: Annotated[int, Field(ge=1, le=3_600)] | None = None
    openai_webhook_secret: Text | None = Field(default=None, repr=False)
    webhook_allowed_hosts: list[Text] | None = None
    metrics_open: bool = False
    worker_metrics_port: Port | None = None


class SinkEntry(Section):
    """One entry of `event_sinks`: what every kind of sink can be told."""

    type: Text
    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")] | None = None
    log_content: bool = False


class LogSink(SinkEntry):
    """The log itself."""


class OtlpSink(SinkEntry):
    """Somebody who takes OTLP; its headers hold a key."""

    endpoint: Text | None = None
    signal: Literal["logs", "traces"] = "logs"
    headers: object = Field(default=None, repr=False)
    resource: object = None


class WebhookSink(SinkEntry):
    """A URL of the operator's own."""

    url: Text = Field(repr=False)
    secret: Text = Field(repr=False)


class ObjectsSink(SinkEntry):
    """A bucket, described as that of `batch_storage_params` is."""

    storage: object = Field(default=None, repr=False)


class LitellmSink(SinkEntry):
    """One of LiteLLM's own callbacks, which take their settings from the environment."""

    callback: Text


class LitellmSection(Section):
    """`litellm_settings`: of all that LiteLLM keeps there, who is to hear of batches."""

    success_callback: object = None
    failure_callback: object = None
    callbacks: object = None
    s3_callback_params: object = Field(default=None, repr=False)

    @classmethod
    def sets_aside(cls, key: str) -> bool:  # noqa: ARG003 - LiteLLM adds new ones all the time
        """Whether the key is LiteLLM's and means nothing here."""
        return True


class Top(Section):
    """The file itself; its sections are read one by one."""

    set_aside = litellm.SECTIONS
    model_list: list[object] | None = None
    batch_settings: object = None
    general_settings: object = None
    event_sinks: list[object] | None = None
    litellm_settings: object = None
