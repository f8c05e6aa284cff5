"""Clients are told how their batches end: signed, tried until it is taken, and never where it may not go."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from tests.acceptance.command_line import overnight
from tests.acceptance.inputs import submit, write_requests
from tests.acceptance.receiver import HANG, Receiver
from tests.acceptance.serving import Served, ended, until
from tests.acceptance.simulated import Endpoint

CONFIG = """
model_list:
  - model_name: night
    litellm_params:
      model: hosted_vllm/night
      api_base: {api_base}
"""

ALLOWED = """
general_settings:
  webhook_allowed_hosts: [127.0.0.1]
"""

EVENTS = ("batch.completed", "batch.failed", "batch.expired", "batch.cancelled")

Begin = Callable[..., Served]


@pytest.fixture
def told(begin: Begin, endpoint: Endpoint) -> Served:
    """An `overnight serve` that may send webhooks to this machine."""
    return begin("told", config=CONFIG.format(api_base=endpoint.base_url) + ALLOWED).start()


def run(served: Served, folder: Path, **options: Any) -> Any:
    """Run a batch of three lines to its end."""
    batch = submit(served.client, write_requests(folder / "in.jsonl", 3), **options)
    return ended(served.client, batch.id, log=served.log)


def register(served: Served, receiver: Receiver, **options: Any) -> Any:
    """Register a receiver by OpenAI's own SDK."""
    return served.client.webhooks.create(url=receiver.url, name="mine", event_types=list(EVENTS), **options)


def deliveries(served: Served, endpoint_id: str) -> list[dict[str, Any]]:
    """Return what is known of an endpoint's deliveries."""
    page = served.client.get(f"/webhook_endpoints/{endpoint_id}/deliveries", cast_to=object)
    assert isinstance(page, dict)
    data: list[dict[str, Any]] = page["data"]
    return data


def delivered(served: Served, endpoint_id: str) -> dict[str, Any]:
    """Wait until the endpoint's one delivery was taken, and return it."""

    def taken() -> Any:
        return [each for each in deliveries(served, endpoint_id) if each["status"] == "delivered"]

    (one,) = until(taken, log=served.log)
    return one


def test_a_receiver_that_fails_at_first_is_told_again_and_openais_sdk_believes_it(
    told: Served, tmp_path: Path
) -> None:
    with Receiver(500) as receiver:
        registered = register(told, receiver)
        batch = run(told, tmp_path)
        assert batch.status == "completed"
        one = delivered(told, registered.id)
    first, second = receiver.requests
    event = told.client.webhooks.unwrap(second.body, second.headers, secret=registered.signing_secret)
    assert (event.type, event.data.id) == ("batch.completed", batch.id)  # type: ignore[union-attr]
    assert event.created_at == batch.completed_at
    assert (first.body, first.webhook_id) == (second.body, second.webhook_id)
    assert [attempt["status_code"] for attempt in one["attempts"]] == [500, 200]
    assert (one["id"], one["event_id"], one["batch_id"]) == (second.webhook_id, event.id, batch.id)
    with pytest.raises(openai.InvalidWebhookSignatureError):
        told.client.webhooks.unwrap(second.body, second.headers, secret="whsec_" + "A" * 44)
    said = told.log.read_text()
    assert registered.signing_secret not in said
    assert "hush-hush" not in said


def test_a_worker_that_is_killed_under_a_delivery_has_it_made_again(told: Served, tmp_path: Path) -> None:
    with Receiver(HANG) as receiver:
        registered = register(told, receiver)
        batch = run(told, tmp_path)
        until(lambda: receiver.heard(1), log=told.log)
        told.kill("worker")
        delivered(told, registered.id)
    assert {each.webhook_id for each in receiver.requests} == {receiver.requests[0].webhook_id}
    event = told.client.webhooks.unwrap(
        receiver.requests[-1].body, receiver.requests[-1].headers, secret=registered.signing_secret
    )
    assert event.data.id == batch.id  # type: ignore[union-attr]


def test_a_batch_may_bring_its_own_webhook_and_is_told_of_there_alone(told: Served, tmp_path: Path) -> None:
    with Receiver() as own, Receiver() as projects:
        everybody = register(told, projects)
        uploaded = write_requests(tmp_path / "own.jsonl", 3)
        batch = submit(told.client, uploaded, extra_body={"webhook": own.url})
        shown = batch.overnight["webhook"]
        ended(told.client, batch.id, log=told.log)
        delivered(told, shown["id"])
        delivered(told, everybody.id)
        run(told, tmp_path)
        until(lambda: projects.heard(2), log=told.log)
    (heard,) = own.requests
    event = told.client.webhooks.unwrap(heard.body, heard.headers, secret=shown["signing_secret"])
    assert event.data.id == batch.id  # type: ignore[union-attr]
    assert told.client.batches.retrieve(batch.id).overnight["webhook"]["signing_secret"] is None  # type: ignore[attr-defined]
    assert [each.id for each in told.client.webhooks.list()] == [everybody.id]


def test_the_command_shows_the_secret_that_its_webhook_is_signed_with(told: Served, tmp_path: Path) -> None:
    with Receiver() as receiver:
        path = write_requests(tmp_path / "in.jsonl", 3)
        out, err = overnight("submit", path, "--webhook", receiver.url, url=told.url)
        until(lambda: receiver.heard(1), log=told.log)
    (heard,) = receiver.requests
    (secret,) = (word for word in err.split() if word.startswith("whsec_"))
    event = told.client.webhooks.unwrap(heard.body, heard.headers, secret=secret)
    assert event.data.id == out.strip()  # type: ignore[union-attr]


def test_a_redirect_is_not_followed(told: Served, tmp_path: Path) -> None:
    with Receiver() as elsewhere, Receiver(302, location=elsewhere.url) as receiver:
        registered = register(told, receiver)
        run(told, tmp_path)
        one = delivered(told, registered.id)
    assert [attempt["status_code"] for attempt in one["attempts"]] == [302, 200]
    assert elsewhere.requests == []


def test_this_machine_is_refused_unless_it_is_allowed(
    begin: Begin, endpoint: Endpoint, tmp_path: Path
) -> None:
    config = CONFIG.format(api_base=endpoint.base_url)
    served = begin("strict", config=config).start()
    with Receiver() as receiver:
        for url in (receiver.url, receiver.url.replace("http:", "https:"), "https://localhost/"):
            with pytest.raises(openai.BadRequestError) as refused:
                served.client.webhooks.create(url=url, name="mine", event_types=list(EVENTS))
            assert refused.value.param == "url"
        with pytest.raises(openai.BadRequestError):
            submit(
                served.client,
                write_requests(tmp_path / "in.jsonl", 3),
                extra_body={"webhook": receiver.url},
            )
    assert receiver.requests == []


def test_what_is_no_longer_allowed_is_no_longer_sent_to(
    begin: Begin, endpoint: Endpoint, tmp_path: Path
) -> None:
    config = CONFIG.format(api_base=endpoint.base_url)
    served = begin("changed", config=config + ALLOWED).start()
    with Receiver() as receiver:
        registered = register(served, receiver)
        served.stop()
        (served.folder / "config.yaml").write_text(config)
        served.start()
        run(served, tmp_path)
        (one,) = until(
            lambda: [each for each in deliveries(served, registered.id) if each["attempts"]], log=served.log
        )
    assert one["attempts"][0]["error"] == "address_refused"
    assert receiver.requests == []


def test_a_secret_is_rotated_and_an_endpoint_tested_changed_and_deleted_by_openais_sdk(told: Served) -> None:
    webhooks = told.client.webhooks
    with Receiver() as receiver:
        registered = register(told, receiver)
        rotated = webhooks.rotate_secret(registered.id, keep_old_secret_active_for_24_hours=True)
        result = webhooks.test(registered.id, event_type="batch.expired")
        (heard,) = receiver.requests
        for secret in (registered.signing_secret, rotated.signing_secret):
            assert webhooks.unwrap(heard.body, heard.headers, secret=secret).type == "batch.expired"
        webhooks.update(registered.id, name="ours", event_types=["batch.failed"])
    found = webhooks.retrieve(registered.id)
    assert (result.status_code, result.webhook_endpoint_id) == (200, registered.id)
    assert (found.name, found.event_types, found.url) == ("ours", ["batch.failed"], receiver.url)
    assert rotated.signing_secret.endswith(str(found.signing_secret_hint)[-4:])
    with pytest.raises(openai.BadRequestError, match="did not answer"):
        webhooks.test(registered.id, event_type="batch.failed")
    assert webhooks.delete(registered.id).deleted
    with pytest.raises(openai.NotFoundError):
        webhooks.retrieve(registered.id)
