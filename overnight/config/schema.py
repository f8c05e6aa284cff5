"""The shape of config.yaml, section by section. Only what stands inside one section is checked here."""

from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from overnight.config import litellm
from overnight.domain.deployment import BatchLane

Positive = Annotated[int, Field(ge=1)]
Rate = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
ListLag = Annotated[float, Field(gt=0, le=120)]
"""In seconds, waited for within a single step: more than two minutes is a mistake."""
Price = Annotated[Decimal, Field(ge=0, allow_inf_nan=False)]
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
    """US dollars a token; the batch prices win."""

    input_cost_per_token: Price | None = None
    output_cost_per_token: Price | None = None
    input_cost_per_token_batches: Price | None = None
    output_cost_per_token_batches: Price | None = None


class ModelInfo(Prices):
    """`model_info`: prices, and any note an operator likes to keep there."""

    takes_notes = True

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
    """`batch_storage_params`: the bucket that bytes live in."""

    s3_bucket_name: Text | None = None
    s3_region_name: Text | None = None
    s3_aws_access_key_id: Text | None = Field(default=None, repr=False)
    s3_aws_secret_access_key: Text | None = Field(default=None, repr=False)
    s3_aws_session_token: Text | None = Field(default=None, repr=False)
    s3_endpoint_url: Text | None = None
    s3_prefix: str | None = None
    s3_server_side_encryption: Literal["AES256", "aws:kms", "aws:kms:dsse"] | None = None
    s3_sse_kms_key_id: Text | None = None
    gcs_bucket_name: Text | None = None
    gcs_path_service_account: Text | None = Field(default=None, repr=False)
    azure_storage_account_name: Text | None = None
    azure_storage_account_key: Text | None = Field(default=None, repr=False)
    azure_storage_connection_string: Text | None = Field(default=None, repr=False)
    azure_storage_container: Text | None = None


class BatchSettings(Section):
    """`batch_settings`: how batches are run."""

    model: Text | None = None
    batch_storage_params: object = None
    poll_initial_seconds: Seconds = 5
    poll_max_seconds: Seconds = 60
    provider_calls_per_second: Rate | None = None


class GeneralSettings(Section):
    """`general_settings`: who may come in, whose webhooks are believed, and where rows live."""

    set_aside = litellm.GENERAL_SETTINGS
    master_key: Text | None = Field(default=None, repr=False)
    database_url: Text | None = Field(default=None, repr=False)
    openai_webhook_secret: Text | None = Field(default=None, repr=False)


class Top(Section):
    """The file itself; its sections are read one by one."""

    set_aside = litellm.SECTIONS
    model_list: list[object] | None = None
    batch_settings: object = None
    general_settings: object = None
