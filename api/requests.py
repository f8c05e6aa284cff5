"""What comes in: the parameters of a batch and the fields of a file, whole or in parts, with their bounds."""

import json
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.storable import Storable
from api.webhook_requests import BatchWebhookField
from overnight.domain.endpoint import Endpoint
from overnight.domain.file import UPLOADABLE, FilePurpose
from overnight.domain.ids import parameters_hash
from overnight.domain.upload import MAX_PARTS, MAX_UPLOAD_BYTES

MAX_METADATA_PAIRS = 16
MAX_METADATA_KEY = 64
MAX_METADATA_VALUE = 512
MAX_FILE_ID = 64
MAX_IDEMPOTENCY_KEY = 255
MAX_PROVIDER = 64
MAX_MIME_TYPE = 255
MIN_EXPIRY_SECONDS = 3_600
MAX_EXPIRY_SECONDS = 2_592_000


def _uploadable(purpose: object) -> object:
    *most, last = (f"'{each.value}'" for each in UPLOADABLE)
    if purpose not in UPLOADABLE:
        expected = f"{', '.join(most)} or {last}"
        raise PydanticCustomError("enum", "not a purpose of uploads", {"expected": expected})
    return purpose


_MetadataKey = Annotated[str, StringConstraints(max_length=MAX_METADATA_KEY), Storable]
_MetadataValue = Annotated[str, StringConstraints(max_length=MAX_METADATA_VALUE), Storable]
_Purpose = Annotated[FilePurpose, BeforeValidator(_uploadable)]
_Expiry = Annotated[int, Field(ge=MIN_EXPIRY_SECONDS, le=MAX_EXPIRY_SECONDS)]
MaxCost = Annotated[Decimal, Field(gt=0, decimal_places=18, allow_inf_nan=False)]
ProviderName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROVIDER), Storable]
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=MAX_IDEMPOTENCY_KEY), Storable]


class Expiry(BaseModel):
    """How long a file is kept, counted from when it is made."""

    anchor: Literal["created_at"]
    seconds: Annotated[_Expiry, Field(strict=True)]

    @property
    def lifetime(self) -> timedelta:
        """The same as a duration."""
        return timedelta(seconds=self.seconds)


class BatchCreate(BaseModel):
    """The body of `POST /v1/batches`. Fields that nobody knows are let pass, as other clients send theirs."""

    model_config = ConfigDict(extra="ignore")

    input_file_id: Annotated[str, StringConstraints(min_length=1, max_length=MAX_FILE_ID), Storable]
    endpoint: Endpoint
    completion_window: Literal["24h"]
    metadata: Annotated[dict[_MetadataKey, _MetadataValue], Field(max_length=MAX_METADATA_PAIRS)] | None = (
        None
    )
    output_expires_after: Expiry | None = None
    custom_llm_provider: ProviderName | None = Field(
        None,
        description="Only deployments of this provider may run the batch. The query parameter of that name, "
        "the header `custom-llm-provider` and a base URL that ends in `/{provider}/v1` do the same.",
    )
    idempotency_key: IdempotencyKey | None = Field(
        None, description="Creates with one key make one batch. The header `Idempotency-Key` does the same."
    )
    webhook: BatchWebhookField | None = Field(
        None,
        description="Where to tell how the batch has ended: a URL, or an object with `url` and, if you have "
        "chosen one, a `secret` (`whsec_…`).",
    )

    max_cost: MaxCost | None = Field(
        None,
        description="US dollars. A batch that is likely to cost more is refused; one that sends its lines "
        "itself stops when it has cost as much.",
    )

    def parameters_hash(self) -> str:
        """Return what two creates with one idempotency key must agree on."""
        # What was never said must not change the hash of those batches that were made before it could be.
        unsaid = {name for name in ("webhook", "max_cost") if getattr(self, name) is None}
        meaning = self.model_dump(mode="json", exclude={"idempotency_key", *unsaid})
        return parameters_hash(json.dumps(meaning, sort_keys=True, separators=(",", ":")).encode())

    @property
    def output_lifetime(self) -> timedelta | None:
        """How long output files are kept, or None for the default."""
        return self.output_expires_after.lifetime if self.output_expires_after else None


class UploadFields(BaseModel):
    """The fields of a `POST /v1/files` beside the file itself."""

    purpose: _Purpose
    anchor: Literal["created_at"] | None = Field(None, alias="expires_after[anchor]")
    seconds: _Expiry | None = Field(None, alias="expires_after[seconds]")
    custom_llm_provider: ProviderName | None = None

    @property
    def lifetime(self) -> timedelta | None:
        """How long the file is kept, or None for the default."""
        return None if self.seconds is None else timedelta(seconds=self.seconds)


class UploadCreate(BaseModel):
    """The body of `POST /v1/uploads`: what is to come in parts."""

    model_config = ConfigDict(extra="ignore")

    filename: Annotated[str, Storable]
    purpose: _Purpose
    bytes: Annotated[int, Field(ge=1, le=MAX_UPLOAD_BYTES, strict=True)]
    mime_type: Annotated[str, StringConstraints(min_length=1, max_length=MAX_MIME_TYPE)] = Field(
        description="Nothing depends on it here."
    )
    expires_after: Expiry | None = None
    custom_llm_provider: ProviderName | None = Field(
        None, description="Whom batches of this file are for that name nobody"
    )

    @property
    def lifetime(self) -> timedelta | None:
        """How long the file is kept, or None for the default."""
        return self.expires_after.lifetime if self.expires_after else None


class UploadComplete(BaseModel):
    """The body of `POST /v1/uploads/{id}/complete`: which parts the file is made of, in their order."""

    model_config = ConfigDict(extra="ignore")

    part_ids: Annotated[list[Annotated[str, Storable]], Field(min_length=1, max_length=MAX_PARTS)]
    md5: Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{32}$")] | None = Field(
        None, description="Of the whole file, as 32 hexadecimal digits; another file is refused."
    )
