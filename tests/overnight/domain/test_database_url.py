"""A URL of PostgreSQL as people have it is told to asyncpg in its own words."""

import inspect
from datetime import timedelta
from typing import Any

import pytest
from asyncpg.connect_utils import _parse_connect_dsn_and_args

from overnight.domain.database_url import (
    PostgresAddress,
    is_postgres,
    read_postgres,
    shown_database,
    with_pool,
)
from overnight.domain.errors import InvalidConfig

BASE = "postgresql://me:secret@db.example:5433/night"


def read(parameters: str) -> PostgresAddress:
    return read_postgres(f"{BASE}?{parameters}")


@pytest.mark.parametrize("scheme", ["postgresql", "postgres", "postgresql+asyncpg", "postgres+asyncpg"])
def test_every_usual_scheme_means_the_same(scheme: str) -> None:
    url = BASE.replace("postgresql", scheme)

    assert is_postgres(url)
    assert read_postgres(url) == read_postgres(BASE)
    assert read_postgres(url).dsn == f"{BASE}?application_name=overnight"


@pytest.mark.parametrize(
    "url", ["mysql://h/db", "sqlite:///postgresql.db", "postgresqlite://h/db", "night.db"]
)
def test_others_are_not_postgresql(url: str) -> None:
    assert not is_postgres(url)


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg", "pg8000"])
def test_a_driver_that_is_not_used_is_refused(driver: str) -> None:
    with pytest.raises(InvalidConfig, match=f"asyncpg, not {driver}"):
        read_postgres(BASE.replace("postgresql", f"postgresql+{driver}"))


@pytest.mark.parametrize(
    "parameters",
    [
        "sslmode=require",
        "sslmode=require&channel_binding=require",
        "ssl=require",
        "sslmode=require&options=endpoint%3Dep-night",
        "connect_timeout=5&keepalives=1&keepalives_idle=30&application_name=mine",
        "target_session_attrs=read-write",
        "schema=overnight&connection_limit=5&pool_timeout=20&sslaccept=strict&pgbouncer=true",
        "gssencmode=disable&client_encoding=utf8&prepared_statement_cache_size=0",
        "statement_timeout=1000&search_path=a%2Cb",
    ],
)
def test_asyncpg_understands_what_people_have(parameters: str) -> None:
    addresses, said = as_the_driver_reads_it(read(parameters).dsn)

    assert addresses == [("db.example", 5433)]
    assert (said.user, said.password, said.database) == ("me", "secret", "night")
    known = {"application_name", "options", "statement_timeout", "search_path"}
    assert set(said.server_settings) <= known
    if "=require" in parameters.split("&", maxsplit=1)[0]:
        assert said.sslmode.name == "require"


def test_prismas_parameters_mean_what_they_mean_there() -> None:
    address = read("schema=overnight&connection_limit=5&pool_timeout=20&connect_timeout=7&pgbouncer=true")

    assert (address.pool_size, address.pool_timeout) == (5, timedelta(seconds=20))
    assert (address.connect_timeout, address.pooled_elsewhere) == (timedelta(seconds=7), True)
    assert as_the_driver_reads_it(address.dsn)[1].server_settings["search_path"] == "overnight"


def test_several_hosts_and_a_socket_are_places_too() -> None:
    several, _ = as_the_driver_reads_it(read_postgres("postgres://a,b:6000,[::1]:7/night").dsn)
    socket, _ = as_the_driver_reads_it(read_postgres("postgresql://me@/night?host=/run/pg&port=7").dsn)

    assert several == [("a", 5432), ("b", 6000), ("::1", 7)]
    assert socket == ["/run/pg/.s.PGSQL.7"]


def test_a_password_with_escaped_characters_arrives() -> None:
    _, said = as_the_driver_reads_it(read_postgres("postgres://me:p%40ss%2F%23%3F@h/night").dsn)

    assert said.password == "p@ss/#?"


def test_the_machines_own_certificates_can_be_meant() -> None:
    address = read("sslmode=verify-full&sslrootcert=system")

    assert address.system_roots
    assert "ssl" not in address.dsn.partition("?")[2]


def test_a_binding_of_channels_that_is_not_done_is_told() -> None:
    (warning,) = read("channel_binding=require").warnings
    assert "channel_binding" in warning
    assert read("channel_binding=prefer").warnings == ()


def test_what_is_shown_holds_no_secret() -> None:
    url = f"{BASE}?sslpassword=hidden&password=hidden"

    assert shown_database(url) == "postgresql://me@db.example:5433/night"
    assert "secret" not in repr(read_postgres(url))
    assert "hidden" not in repr(read_postgres(url))
    assert shown_database("sqlite+aiosqlite:////srv/rows.db") == "sqlite+aiosqlite:////srv/rows.db"


def test_a_pool_is_what_the_url_says_or_else_the_config() -> None:
    wanted = {"size": 3, "timeout": timedelta(seconds=9)}

    said = read_postgres(with_pool(BASE, **wanted))
    kept = read_postgres(with_pool(f"{BASE}?connection_limit=4&pool_timeout=8", **wanted))

    assert (said.pool_size, said.pool_timeout) == (3, timedelta(seconds=9))
    assert (kept.pool_size, kept.pool_timeout) == (4, timedelta(seconds=8))
    assert with_pool(BASE, size=None, timeout=None) == BASE


def as_the_driver_reads_it(dsn: str) -> tuple[Any, Any]:
    takes = inspect.signature(_parse_connect_dsn_and_args).parameters
    nothing = {name: None for name in takes if name != "dsn"}
    addresses, said = _parse_connect_dsn_and_args(dsn=dsn, **nothing)
    return addresses, said
