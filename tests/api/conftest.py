"""A gateway served by a real uvicorn on loopback, over a real catalog and a real folder."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from api.app import create_app
from api.gateway import UploadLimits
from overnight.catalog import Catalog
from overnight.config import LocalStorageSettings, Settings
from overnight.domain.deployment import Deployment
from tests.api.desk import Desk
from tests.api.served import KEY, Clock, Front, Runs, Served, WatchedStorage, listening


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    deployment = Deployment(
        id="dep_1", model_name="smol", provider="openai", model="smol", api_base="http://127.0.0.1:9/v1"
    )
    return Settings(
        deployments=(
            deployment,
            replace(deployment, id="dep_2", model_name="org/large"),
            replace(deployment, id="dep_3"),
        ),
        default_model=None,
        storage=LocalStorageSettings(tmp_path / "files"),
        database_url=f"sqlite+aiosqlite:///{tmp_path}/catalog.db",
        master_key=KEY,
        poll_initial=timedelta(seconds=5),
        poll_max=timedelta(seconds=60),
        data_dir=tmp_path,
    )


@pytest.fixture
def limits() -> UploadLimits:
    return UploadLimits(idle_timeout=timedelta(seconds=30), reserved=1_000)


@pytest.fixture(scope="session")
async def server() -> AsyncIterator[tuple[Front, int]]:
    """One uvicorn for the session, since stopping one takes longer than most tests."""
    front = Front()
    async with listening(front) as port:
        yield front, port


@pytest.fixture
def served(
    server: tuple[Front, int],
    settings: Settings,
    limits: UploadLimits,
    catalog: Catalog,
    tmp_path: Path,
) -> Served:
    front, port = server
    storage, runs, clock = WatchedStorage(tmp_path / "files"), Runs(), Clock()
    front.gateway = create_app(
        settings=settings,
        storage=storage,
        catalog=catalog,
        runs=runs,  # type: ignore[arg-type]
        clock=clock,
        uploads=limits,
    )
    return Served(port, storage, catalog, runs, clock)


@pytest.fixture
def desk(served: Served) -> Desk:
    return Desk(served)
