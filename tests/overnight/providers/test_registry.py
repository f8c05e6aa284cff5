"""One provider for each deployment, made once."""

import gc
import os
import weakref
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

import psutil
import pytest

from overnight.domain.deployment import BatchLane
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import JobNotFound, ProviderRefused
from overnight.providers import PROVIDERS, Provider, Providers, endpoints_of
from overnight.providers.azure import AzureProvider
from overnight.providers.openai import OpenAIProvider
from overnight.providers.registry import LIMITS
from overnight.providers.vertex import VertexProvider
from tests.emulators.google_accounts import account
from tests.overnight.providers.desks import AZURE, GOOGLE, OPENAI, VERTEX, deployment_of, opened, tag

HERE = deployment_of(OPENAI, "http://127.0.0.1:9")


async def test_a_deployment_keeps_its_provider_whatever_model_it_serves() -> None:
    providers = Providers()
    first = providers.of(HERE)
    assert isinstance(first, OpenAIProvider)
    assert providers.of(replace(HERE, model="another")) is first
    await providers.close()


async def test_a_key_that_was_rotated_makes_another_provider() -> None:
    providers = Providers()
    assert providers.of(HERE) is not providers.of(replace(HERE, api_key="sk-new"))
    await providers.close()


async def test_each_provider_has_its_own_kind() -> None:
    providers = Providers()
    assert isinstance(providers.of(deployment_of(AZURE, "http://127.0.0.1:9")), AzureProvider)
    with pytest.raises(ProviderRefused) as caught:
        providers.of(replace(HERE, provider="abacus"))
    assert caught.value.code == "no_batch_api"
    await providers.close()


async def test_closing_leaves_nothing_open() -> None:
    providers = Providers()
    provider = providers.of(HERE)
    await providers.close()
    assert isinstance(provider, OpenAIProvider)
    assert provider._asking._http._client.is_closed


async def test_however_many_models_clients_name_one_connection_and_one_token_will_do() -> None:
    providers = Providers()
    seen: list[weakref.ref[Provider]] = []
    async with opened(VERTEX) as desk:
        robot = account(token_uri=desk.simulator.origin + "/token")
        any_model = replace(desk.deployment, model_name="*", google=replace(GOOGLE, credentials=robot))
        for number in range(300):
            provider = providers.of(replace(any_model, model=f"gemini-{number}"))
            seen.append(weakref.ref(provider))
            assert await provider.find_uploads(tag(number), since=desk.since) == []
            with pytest.raises(JobNotFound):
                await provider.poll(str(number))
        del provider
        there = {urlsplit(desk.simulator.origin).port, urlsplit(os.environ["STORAGE_EMULATOR_HOST"]).port}
        connections = psutil.Process().net_connections()
        # As seen from both ends, since the simulators run in this process, too.
        assert sum(bool(each.raddr) and each.raddr.port in there for each in connections) <= 2 * len(there)
        # The storage has a token of its own.
        assert desk.simulator.desk.tokens.parts()["issued"] == 2
    gc.collect()
    assert sum(each() is not None for each in seen) <= 1
    await providers.close()


async def test_two_entries_at_one_place_share_it_and_each_is_called_by_its_name() -> None:
    providers = Providers()
    gemini = deployment_of(VERTEX, "http://127.0.0.1:9")
    claude = replace(gemini, id="dep_2", model_name="claude", model="claude-sonnet-4-5")
    elsewhere = replace(gemini, google=replace(GOOGLE, location="europe-west4"))
    one, other, third = (providers.of(each) for each in (gemini, claude, elsewhere))
    assert isinstance(one, VertexProvider)
    assert isinstance(other, VertexProvider)
    assert isinstance(third, VertexProvider)
    assert one._place is other._place
    assert one._place is not third._place
    with pytest.raises(ProviderRefused, match="deployment 'claude'"):
        other.shape(Endpoint.EMBEDDINGS, model=None)
    await providers.close()
    assert one._place.connection._client.is_closed
    assert third._place.connection._client.is_closed


@pytest.mark.parametrize("kind", [OPENAI, AZURE])
async def test_what_a_deployment_takes_is_known_before_anybody_connects(kind: str) -> None:
    deployment = replace(deployment_of(kind, "http://127.0.0.1:9"), lane=BatchLane.NATIVE)
    providers = Providers()
    assert endpoints_of(deployment) == providers.of(deployment).limits.endpoints
    await providers.close()


@pytest.mark.parametrize("kind", [OPENAI, AZURE, VERTEX])
async def test_a_deployment_may_list_its_jobs_sooner_or_later_than_is_usual(kind: str) -> None:
    deployment = deployment_of(kind, "http://127.0.0.1:9")
    providers = Providers()
    lag = timedelta(seconds=1)
    assert providers.of(deployment).limits.list_lag == LIMITS[deployment.provider].list_lag
    assert providers.of(replace(deployment, list_lag=lag)).limits.list_lag == lag
    await providers.close()


def test_every_provider_has_said_what_it_takes() -> None:
    assert LIMITS.keys() == PROVIDERS.keys()


def test_where_each_line_is_sent_a_batch_can_be_for_anything() -> None:
    azure = replace(deployment_of(AZURE, "http://127.0.0.1:9"), lane=BatchLane.NATIVE)
    assert Endpoint.EMBEDDINGS not in endpoints_of(azure)
    assert endpoints_of(replace(azure, lane=BatchLane.LINES)) == frozenset(Endpoint)
    assert endpoints_of(replace(azure, provider="abacus")) == frozenset()
