"""What is signed here, OpenAI's own SDK takes for signed."""

import base64
from datetime import UTC, datetime, timedelta

import openai
import pytest

from overnight.domain.webhook import Event, EventType
from overnight.webhooks.signing import is_secret, new_secret, signed_headers

CLIENT = openai.OpenAI(api_key="sk-1234")


def encoded(size: int) -> str:
    return "whsec_" + base64.b64encode(b"\xff" * size).decode()


@pytest.mark.parametrize("event_type", EventType)
def test_openais_sdk_unwraps_every_event(event_type: EventType) -> None:
    now, secret = datetime.now(UTC), new_secret()
    event = Event.of(event_type, "batch_1", at=now - timedelta(hours=50))
    headers = signed_headers(event.body, delivery_id="wh_1", at=now, secrets_now=(secret,))
    unwrapped = CLIENT.webhooks.unwrap(event.body, headers, secret=secret)
    assert (unwrapped.id, unwrapped.type, unwrapped.data.id) == (event.id, event_type.value, "batch_1")  # type: ignore[union-attr]
    assert unwrapped.created_at == int(event.occurred_at.timestamp())
    assert type(unwrapped).__name__ == f"Batch{event_type.name.title()}WebhookEvent"


def test_both_secrets_sign_while_both_are_good() -> None:
    now, secrets = datetime.now(UTC), (new_secret(), new_secret())
    headers = signed_headers("{}", delivery_id="wh_1", at=now, secrets_now=secrets)
    for secret in secrets:
        CLIENT.webhooks.verify_signature("{}", headers, secret=secret)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        CLIENT.webhooks.verify_signature("{}", headers, secret=new_secret())


def test_an_event_told_twice_is_the_same_event() -> None:
    now = datetime.now(UTC)
    completed = Event.of(EventType.COMPLETED, "batch_1", at=now)
    assert completed == Event.of(EventType.COMPLETED, "batch_1", at=now)
    assert completed.id != Event.of(EventType.FAILED, "batch_1", at=now).id
    assert completed.id != Event.of(EventType.COMPLETED, "batch_2", at=now).id


def test_a_secret_that_is_made_here_can_be_used_and_is_another_each_time() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(map(is_secret, made))


@pytest.mark.parametrize(
    ("text", "good"),
    [
        (encoded(24), True),
        (encoded(64), True),
        (encoded(23), False),
        (encoded(65), False),
        (encoded(32).removeprefix("whsec_"), False),
        ("whsec_", False),
        ("whsec_" + "!" * 40, False),
        ("whsec_ü", False),
        ("", False),
    ],
)
def test_only_a_secret_that_everybody_reads_alike_is_taken(text: str, *, good: bool) -> None:
    assert is_secret(text) is good
