"""One provider for each deployment, made once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from overnight.domain.deployment import BatchLane
from overnight.domain.endpoint import Endpoint
from overnight.domain.errors import ProviderRefused
from overnight.providers import PROVIDERS, Providers, endpoints_of
from overnight.providers.azure import AzureProvider
from overnight.providers.openai import OpenAIProvider
from overnight.providers.registry import LIMITS
from tests.overnight.providers.desks import AZURE, OPENAI, deployment_of

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


@pytest.mark.parametrize("kind", [OPENAI, AZURE])
async def test_what_a_deployment_takes_is_known_before_anybody_connects(kind: str) -> None:
    deployment = replace(deployment_of(kind, "http://127.0.0.1:9"), lane=BatchLane.NATIVE)
    providers = Providers()
    assert endpoints_of(deployment) == providers.of(deployment).limits.endpoints
    await providers.close()


@pytest.mark.parametrize("kind", [OPENAI, AZURE])
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
