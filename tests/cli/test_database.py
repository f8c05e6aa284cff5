"""`overnight db` and `overnight check` say how the catalog is, and what helps, and never a password."""

from pathlib import Path

import pytest

from tests.cli.conftest import Overnight
from tests.ports import free_port
from tests.postgres import Postgres

PASSWORD = "hunter2"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def with_rows_in(folder: Path, url: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(f"general_settings: {{database_url: '{url}'}}\n")
    return path


def secretive(url: str) -> str:
    return url.replace("postgres@", f"postgres:{PASSWORD}@")


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_catalog_is_upgraded_and_says_that_it_is(
    overnight: Overnight, tmp_path: Path, kind: str, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path}/new/rows.db"
    if kind == "postgresql":
        url = secretive(request.getfixturevalue("postgres").new_database())
    config = with_rows_in(tmp_path, url)

    before, _ = overnight("db", "current", "--config", config, code=1)
    upgraded, _ = overnight("db", "upgrade", "--config", config)
    again, _ = overnight("db", "upgrade", "--config", config)
    after, _ = overnight("db", "current", "--config", config)

    assert "schema  none: the catalog has no tables yet: run `overnight db upgrade`" in before
    assert "up to date" in upgraded
    assert upgraded == again == after
    assert PASSWORD not in before + after


def test_a_catalog_of_a_newer_version_is_left_alone(
    overnight: Overnight, tmp_path: Path, postgres: Postgres
) -> None:
    url = postgres.new_database(template="tables")
    postgres.query("UPDATE alembic_version SET version_num = '9999'", url=url)
    config = with_rows_in(tmp_path, url)

    said, _ = overnight("db", "current", "--config", config, code=1)
    _, refused = overnight("db", "upgrade", "--config", config, code=1)

    assert "a newer version of Overnight has brought the catalog's schema to 9999" in said
    assert "a newer version of Overnight has brought the catalog's schema to 9999" in refused


def test_check_warns_of_a_schema_that_is_to_be_upgraded(
    overnight: Overnight, tmp_path: Path, postgres: Postgres
) -> None:
    config = with_rows_in(tmp_path, secretive(postgres.new_database()))

    said, warned = overnight("check", config)

    assert f"rows in    postgresql://postgres@127.0.0.1:{postgres.port}/" in said
    assert "warning: the catalog has no tables yet: run `overnight db upgrade`" in warned
    assert PASSWORD not in said + warned


def test_check_says_why_postgresql_can_not_be_used(overnight: Overnight, tmp_path: Path) -> None:
    config = with_rows_in(tmp_path, f"postgresql://me:{PASSWORD}@127.0.0.1:{free_port()}/night")

    said, refused = overnight("check", config, code=1)
    offline, _ = overnight("check", config, "--offline")

    assert "postgresql://me@127.0.0.1" in refused
    assert "can't be used: the catalog can't be reached" in refused
    assert "rows in    postgresql://me@127.0.0.1" in offline
    assert PASSWORD not in said + refused + offline
