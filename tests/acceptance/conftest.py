"""The real thing, started as a user starts it: `overnight serve`, and an endpoint that answers."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.acceptance.serving import Served
from tests.acceptance.simulated import Endpoint

CONFIG = """
model_list:
  - model_name: night
    litellm_params:
      model: hosted_vllm/night
      api_base: {api_base}
      max_parallel_requests: {parallel}
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
