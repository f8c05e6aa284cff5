"""What comes in about webhooks: the bodies of OpenAI's own routes for them, and the `webhook` of a batch."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints
from pydantic_core import PydanticCustomError

from api.storable import Storable
from overnight.domain.webhook import EventType
from overnight.webhooks.signing import is_secret
from overnight.webhooks.urls import MAX_URL

MAX_NAME = 256
MAX_SECRET = 128


def _usable(secret: str) -> str:
    if not is_secret(secret):
        raise PydanticCustomError("secret", "it should be 'whsec_' and 24 to 64 bytes in base64")
    return secret


def _as_object(given: object) -> object:
    return {"url": given} if isinstance(given, str) else given


_Name = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME), Storable]
_Url = Annotated[str, StringConstraints(min_length=1, max_length=MAX_URL), Storable]
_EventTypes = Annotated[list[EventType], Field(min_length=1, max_length=len(EventType))]


class BatchWebhook(BaseModel):
    """Where to tell how one batch has ended. Without a `secret` one is made, and shown with the batch."""

    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True)

    url: _Url
    secret: Annotated[str, StringConstraints(max_length=MAX_SECRET), AfterValidator(_usable)] | None = Field(
        None, repr=False
    )


BatchWebhookField = Annotated[BatchWebhook, BeforeValidator(_as_object)]
"""A URL alone, or an object with one."""


class WebhookCreate(BaseModel):
    """The body of `POST /v1/webhook_endpoints`. OpenAI's, but for what may be left out."""

    model_config = ConfigDict(extra="ignore")

    url: _Url
    name: _Name = "webhook"
    event_types: _EventTypes = Field(default_factory=lambda: list(EventType))


class WebhookUpdate(BaseModel):
    """The body of `POST /v1/webhook_endpoints/{id}`: what is to be another from now on."""

    model_config = ConfigDict(extra="ignore")

    url: _Url | None = None
    name: _Name | None = None
    event_types: _EventTypes | None = None


class SecretRotation(BaseModel):
    """The body of `POST /v1/webhook_endpoints/{id}/rotate_secret`."""

    model_config = ConfigDict(extra="ignore")

    keep_old_secret_active_for_24_hours: bool = False


class WebhookTest(BaseModel):
    """The body of `POST /v1/webhook_endpoints/{id}/test`."""

    model_config = ConfigDict(extra="ignore")

    event_type: EventType = EventType.COMPLETED
