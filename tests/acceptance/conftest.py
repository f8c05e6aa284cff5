"""The real thing, started as a user starts it: `overnight serve`, and an endpoint that answers.

What a test may kill it starts for itself (`serve`, `endpoint`). All the others share one (`served`,
`backend`), as starting takes a while.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from openai import OpenAI
from temporalio.client import Client

from tests.acceptance.native import KEYS, Provider, config, dying_on_order
from tests.acceptance.serving import Served
from tests.acceptance.simulated import Endpoint
from tests.acceptance.vertex import Vertex
from tests.acceptance.vertex import config as vertex_config
from workflows.connecting import connect

CONFIG = """
model_list:
  - model_name: night
    litellm_params:
      model: hosted_vllm/night
      api_base: {api_base}
      max_parallel_requests: {parallel}
"""

SHARED_CONFIG = """
model_list:
  - model_name: night
    litellm_params:
      model: hosted_vllm/night-7b
      api_base: {api_base}
      max_parallel_requests: 8
    model_info:
      input_cost_per_token_batches: 0.000001
      output_cost_per_token_batches: 0.000002
  - model_name: day
    litellm_params:
      model: hosted_vllm/day-7b
      api_base: {api_base}
"""

Serve = Callable[..., Served]


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    """A self-hosted endpoint in a process of its own."""
    with Endpoint() as running:
        yield running


@pytest.fixture
def serve(tmp_path: Path, endpoint: Endpoint) -> Iterator[Serve]:
    """Return what starts `overnight serve` in an empty folder; whatever it started is stopped."""
    started: list[Served] = []

    def begin(*, parallel: int = 8, **environ: str) -> Served:
        config = CONFIG.format(api_base=endpoint.base_url, parallel=parallel)
        served = Served(tmp_path, config=config)
        started.append(served)
        return served.start(**environ)

    yield begin
    for served in started:
        served.stop()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Serve]:
    """Return what makes an `overnight serve` in a new folder; whatever it made is stopped."""
    begun: list[Served] = []

    def new(name: str, *, config: str, **environ: str) -> Served:
        (tmp_path / name).mkdir()
        begun.append(Served(tmp_path / name, config=config, environ=environ))
        return begun[-1]

    yield new
    for served in begun:
        served.stop()


@pytest.fixture(scope="session")
def shared_endpoint() -> Iterator[Endpoint]:
    with Endpoint() as running:
        yield running


@pytest.fixture(scope="session")
def shared_serve(tmp_path_factory: pytest.TempPathFactory, shared_endpoint: Endpoint) -> Iterator[Served]:
    config = SHARED_CONFIG.format(api_base=shared_endpoint.base_url)
    with Served(tmp_path_factory.mktemp("shared"), config=config) as served:
        yield served


@pytest.fixture
def backend(shared_endpoint: Endpoint) -> Iterator[Endpoint]:
    """The endpoint behind `served`: for this test alone, and well again after it."""
    yield shared_endpoint
    shared_endpoint.heal()


@pytest.fixture
def served(shared_serve: Served, backend: Endpoint) -> Served:
    """An `overnight serve` with the model `night` (8 requests at once), which no test may kill."""
    return shared_serve


@pytest.fixture
def client(served: Served) -> Iterator[OpenAI]:
    """The real OpenAI SDK, pointed at `served`."""
    with served.client as sdk:
        yield sdk


@pytest.fixture(scope="session")
def shared_openai() -> Iterator[Provider]:
    with Provider("openai") as running:
        yield running


@pytest.fixture(scope="session")
def shared_azure() -> Iterator[Provider]:
    with Provider("azure") as running:
        yield running


@pytest.fixture(scope="session")
def shared_native(
    tmp_path_factory: pytest.TempPathFactory, shared_openai: Provider, shared_azure: Provider
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("native")
    environ = {**KEYS, **dying_on_order(folder)}
    with Served(folder, config=config(shared_openai, shared_azure), environ=environ) as served:
        yield served


@pytest.fixture
def openai(shared_openai: Provider) -> Iterator[Provider]:
    """OpenAI, as far as `native` knows: for this test alone, and well again after it."""
    yield shared_openai
    shared_openai.heal()


@pytest.fixture
def azure(shared_azure: Provider) -> Iterator[Provider]:
    """Azure, as far as `native` knows: for this test alone, and well again after it."""
    yield shared_azure
    shared_azure.heal()


@pytest.fixture
def native(shared_native: Served, openai: Provider, azure: Provider) -> Served:
    """An `overnight serve` in front of `openai` and `azure`, whose worker dies where it is ordered to."""
    return shared_native


@pytest.fixture(scope="module")
def shared_vertex() -> Iterator[Vertex]:
    with Vertex() as running:
        yield running


@pytest.fixture(scope="module")
def shared_google(tmp_path_factory: pytest.TempPathFactory, shared_vertex: Vertex) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("google")
    environ = shared_vertex.environ
    with Served(folder, config=vertex_config(shared_vertex), environ=environ) as served:
        yield served


@pytest.fixture
def vertex(shared_vertex: Vertex) -> Iterator[Vertex]:
    """Vertex AI and its bucket: for this test alone, and well again after it."""
    yield shared_vertex
    shared_vertex.heal()


@pytest.fixture
def google(shared_google: Served, vertex: Vertex) -> Served:
    """An `overnight serve` in front of `vertex`."""
    return shared_google


@pytest.fixture
def model() -> str:
    """Which of the models of `native` a test is for, unless it says so itself."""
    return "night"


@pytest.fixture
def provider(model: str, openai: Provider, azure: Provider) -> Provider:
    """Whoever runs `model`."""
    return azure if model.startswith("azure") else openai


@pytest.fixture
def sdk(native: Served) -> Iterator[OpenAI]:
    """The real OpenAI SDK, pointed at `native`."""
    with native.client as client:
        yield client


@pytest.fixture
async def temporal(served: Served) -> Client:
    """A client of the Temporal inside `served`, as somebody with its UI open would have."""
    return await connect(served.temporal_address)


@pytest.fixture
async def operator(native: Served) -> Client:
    """A client of the Temporal inside `native`, as somebody with its UI open would have."""
    return await connect(native.temporal_address)
