"""What comes in: the parameters of a batch and the fields of a file, whole or in parts, with their bounds."""

import json
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

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


def _storable(text: str) -> str:
    # JSON can spell a NUL, and PostgreSQL can't hold one.
    if "\0" in text:
        raise PydanticCustomError("nul", "a string can't hold the character NUL")
    return text


def _uploadable(purpose: object) -> object:
    *most, last = (f"'{each.value}'" for each in UPLOADABLE)
    if purpose not in UPLOADABLE:
        expected = f"{', '.join(most)} or {last}"
        raise PydanticCustomError("enum", "not a purpose of uploads", {"expected": expected})
    return purpose


_Storable = AfterValidator(_storable)
_MetadataKey = Annotated[str, StringConstraints(max_length=MAX_METADATA_KEY), _Storable]
_MetadataValue = Annotated[str, StringConstraints(max_length=MAX_METADATA_VALUE), _Storable]
_Purpose = Annotated[FilePurpose, BeforeValidator(_uploadable)]
_Expiry = Annotated[int, Field(ge=MIN_EXPIRY_SECONDS, le=MAX_EXPIRY_SECONDS)]
ProviderName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_PROVIDER), _Storable]
IdempotencyKey = Annotated[str, StringConstraints(min_length=1, max_length=MAX_IDEMPOTENCY_KEY), _Storable]


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

    input_file_id: Annotated[str, StringConstraints(min_length=1, max_length=MAX_FILE_ID), _Storable]
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

    def parameters_hash(self) -> str:
        """Return what two creates with one idempotency key must agree on."""
        meaning = self.model_dump(mode="json", exclude={"idempotency_key"})
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

    filename: Annotated[str, _Storable]
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

    part_ids: Annotated[list[Annotated[str, _Storable]], Field(min_length=1, max_length=MAX_PARTS)]
    md5: Annotated[str, StringConstraints(pattern="^[0-9a-fA-F]{32}$")] | None = Field(
        None, description="Of the whole file, as 32 hexadecimal digits; another file is refused."
    )
