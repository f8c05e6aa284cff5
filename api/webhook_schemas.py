"""What goes out about webhooks: OpenAI's objects, and the deliveries that OpenAI has no API for."""

from datetime import timedelta
from typing import Literal, Self

from pydantic import BaseModel, Field

from api.page_schemas import Listed, PageObject
from overnight.catalog import Page
from overnight.domain.webhook import Attempt, Delivery, WebhookEndpoint

_MILLISECOND = timedelta(milliseconds=1)


class EndpointDetails(BaseModel):
    """What Overnight says of an endpoint beyond OpenAI's own fields."""

    batch_id: str | None = Field(description="The one batch that it is for; null where it is for all.")
    disabled_at: int | None = Field(
        description="Since when nothing is sent, because it answered 410; changing it ends that."
    )


class WebhookEndpointObject(Listed):
    """OpenAI's WebhookEndpoint object, and one key more: `overnight`."""

    object: Literal["webhook_endpoint"] = "webhook_endpoint"
    created_at: int
    updated_at: int
    name: str
    url: str
    event_types: list[str]
    signing_secret_hint: str
    overnight: EndpointDetails

    @classmethod
    def of(cls, endpoint: WebhookEndpoint) -> Self:
        """Return the object of one row, without its secret."""
        disabled = endpoint.disabled_at
        return cls(
            id=endpoint.id,
            created_at=int(endpoint.created_at.timestamp()),
            updated_at=int(endpoint.updated_at.timestamp()),
            name=endpoint.name,
            url=endpoint.url,
            event_types=[each.value for each in endpoint.event_types],
            signing_secret_hint=endpoint.secret_hint,
            overnight=EndpointDetails(
                batch_id=endpoint.batch_id,
                disabled_at=None if disabled is None else int(disabled.timestamp()),
            ),
        )


class WebhookEndpointWithSecret(WebhookEndpointObject):
    """The same, in the two answers that show a new secret."""

    signing_secret: str

    @classmethod
    def showing(cls, endpoint: WebhookEndpoint) -> Self:
        """Return the object of one row with its secret."""
        return cls(**WebhookEndpointObject.of(endpoint).model_dump(), signing_secret=endpoint.secret)


class WebhookEndpointList(PageObject[WebhookEndpointObject]):
    """One page of endpoints."""

    @classmethod
    def of(cls, page: Page[WebhookEndpoint]) -> Self:
        """Return the list of one page of rows."""
        data = [WebhookEndpointObject.of(each) for each in page.items]
        return cls.holding(data, has_more=page.has_more)


class WebhookEndpointDeleted(BaseModel):
    """What is said of an endpoint that was deleted."""

    id: str
    object: Literal["webhook_endpoint.deleted"] = "webhook_endpoint.deleted"
    deleted: Literal[True] = True


class WebhookTestResult(BaseModel):
    """What an endpoint has answered to an event that never happened."""

    object: Literal["webhook_endpoint.test"] = "webhook_endpoint.test"
    webhook_endpoint_id: str
    event_type: str
    status_code: int
    success: Literal[True] = Field(
        default=True, description="There was an answer; whether it is a good one `status_code` says."
    )


class EventTypeList(BaseModel):
    """The types of events that there are."""

    object: Literal["list"] = "list"
    data: list[str]


class AttemptObject(BaseModel):
    """One attempt: the HTTP status that came, or in one word why none did."""

    attempted_at: int
    status_code: int | None
    error: str | None
    duration_ms: int

    @classmethod
    def of(cls, attempt: Attempt) -> Self:
        """Return the object of one attempt."""
        return cls(
            attempted_at=int(attempt.at.timestamp()),
            status_code=attempt.status_code,
            error=attempt.error,
            duration_ms=attempt.duration // _MILLISECOND,
        )


class DeliveryObject(Listed):
    """One event on its way to an endpoint. The receiver gets `id` as `webhook-id`, in every attempt."""

    object: Literal["webhook_endpoint.delivery"] = "webhook_endpoint.delivery"
    webhook_endpoint_id: str
    event_id: str
    event_type: str
    batch_id: str
    created_at: int
    status: str = Field(description="`pending`, `delivered` or `failed`, which is for good.")
    attempt_count: int
    attempts: list[AttemptObject] = Field(description="The last ones, oldest first.")
    next_attempt_at: int | None

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """Return the object of one row."""
        upcoming = delivery.next_try_at
        return cls(
            id=delivery.id,
            webhook_endpoint_id=delivery.endpoint_id,
            event_id=delivery.event.id,
            event_type=delivery.event.type.value,
            batch_id=delivery.event.batch_id,
            created_at=int(delivery.created_at.timestamp()),
            status=delivery.status.value,
            attempt_count=delivery.attempts_total,
            attempts=[AttemptObject.of(each) for each in delivery.attempts],
            next_attempt_at=None if upcoming is None else int(upcoming.timestamp()),
        )


class DeliveryList(PageObject[DeliveryObject]):
    """One page of deliveries."""

    @classmethod
    def of(cls, page: Page[Delivery]) -> Self:
        """Return the list of one page of rows."""
        return cls.holding([DeliveryObject.of(each) for each in page.items], has_more=page.has_more)
