"""Which queues a worker works on."""

import pytest

from overnight.config import Settings
from overnight.domain.deployment import BatchLane
from overnight.events.settings import WebhookSettings
from tests.activities.house import deployment, settings
from workers.choosing import UnknownQueue, chosen


@pytest.fixture
def here() -> Settings:
    audit = WebhookSettings(name="audit", url="http://127.0.0.1:9", secret="MDEyMw==")
    night = (deployment(f"dep_{number}", model_name="night") for number in (1, 2))
    native = (
        deployment(f"dep_{provider}", provider=provider, lane=BatchLane.NATIVE)
        for provider in ("openai", "azure")
    )
    return settings(*night, deployment("dep_day", model_name="day"), *native, sinks={"audit": audit})


@pytest.mark.parametrize(
    ("names", "queues"),
    [
        (["batches"], {"batches"}),
        (["provider"], {"provider-openai", "provider-azure"}),
        (["provider-azure"], {"provider-azure"}),
        (["lines-night"], {"lines-dep_1", "lines-dep_2"}),
        (["lines-dep_2"], {"lines-dep_2"}),
        (["events-audit", "webhooks"], {"events-audit", "webhooks"}),
    ],
)
def test_a_kind_is_all_of_its_queues_and_a_name_is_one(
    here: Settings, names: list[str], queues: set[str]
) -> None:
    assert chosen(here, names) == queues


def test_a_queue_may_be_named_as_batches_that_run_know_it() -> None:
    named = settings(deployment("dep_now", other_ids=("dep_before",)))
    assert chosen(named, ["lines-dep_before"]) == chosen(named, ["lines-dep_now"]) == {"lines-dep_now"}


def test_no_name_is_every_queue(here: Settings) -> None:
    assert len(chosen(here, None)) == 3 + 2 + 1 + 2


@pytest.mark.parametrize("name", ["lanes", "night", "provider-vertex_ai", "lines-nobody"])
def test_a_name_that_is_none_is_refused_with_those_there_are(here: Settings, name: str) -> None:
    with pytest.raises(UnknownQueue) as caught:
        chosen(here, [name])
    assert f"no queue '{name}'" in caught.value.message
    assert "batches, lines, provider, events, webhooks" in caught.value.message
    assert "lines-dep_day, provider-openai, provider-azure, events-audit" in caught.value.message
