"""Whose a store is, where several share a bucket: a prefix is a place of its own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from activities.ownership import Ownership
from activities.strays import kinds
from overnight.catalog import Catalog, open_engine, upgrade
from overnight.domain.ids import new_file_id
from overnight.domain.layout import OWNER_KEY, file_key
from overnight.storage.opening import BucketStorage
from tests.emulators.bucket import Bucket
from tests.overnight.storage.streams import put, read

STRANGERS = 3


@pytest.fixture(params=["s3", "gcs", "azure_blob"])
def bucket(request: pytest.FixtureRequest) -> Bucket:
    made: Bucket = request.getfixturevalue(request.param).new_bucket()
    return made


@pytest.fixture
async def another(tmp_path: Path) -> AsyncIterator[Catalog]:
    """Another installation's catalog."""
    url = f"sqlite+aiosqlite:///{tmp_path}/another.db"
    await asyncio.to_thread(upgrade, url)
    engine = open_engine(url)
    yield Catalog(engine)
    await engine.dispose()


async def owns(catalog: Catalog, storage: BucketStorage) -> bool:
    return await Ownership(catalog=catalog, storage=storage, kinds=kinds(catalog)).is_ours()


async def test_two_catalogs_share_a_bucket_by_prefixes_and_each_owns_its_own(
    bucket: Bucket, catalog: Catalog, another: Catalog
) -> None:
    night, day = bucket.storage(prefix="night"), bucket.storage(prefix="day")
    assert await owns(catalog, night)
    assert await owns(another, day)
    assert sorted(bucket.names()) == [f"day/{OWNER_KEY}", f"night/{OWNER_KEY}"]
    assert await read(night, OWNER_KEY) == (await catalog.installation_id()).encode()
    assert not await owns(catalog, day)
    assert not await owns(another, night)
    await night.close()
    await day.close()


async def test_what_lies_beside_a_prefix_makes_nothing_in_it_strange(
    bucket: Bucket, catalog: Catalog
) -> None:
    root, night = bucket.storage(), bucket.storage(prefix="night")
    for _ in range(STRANGERS):
        await put(root, file_key(new_file_id()), b"{}\n")
    assert not await owns(catalog, root)
    assert await owns(catalog, night)
    await root.close()
    await night.close()
