"""`database_url` as people have it, and what it means: where rows live, in words that our driver knows.

A URL of PostgreSQL may have libpq's parameters, and those that Prisma has added, since LiteLLM's users have
such a URL. What asyncpg does not know by these names is told to it in another way, or set aside where it
changes nothing that matters here. What could matter is an error.
"""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from overnight.domain.errors import InvalidConfig

POOL_SIZE = 10
"""Connections that each process may have open at once, unless `connection_limit` says otherwise."""

CONNECT_TIMEOUT = timedelta(seconds=10)
POOL_TIMEOUT = timedelta(seconds=30)
"""How long a step waits for one of the connections to be free."""

_SCHEMES = ("postgresql", "postgres")
_DRIVER = "asyncpg"
_SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]\s]*)(:\d{1,5})?")


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_DRIVERS = _names(
    """
    host port dbname database user password passfile service sslmode sslcert sslkey sslrootcert
    sslcrl sslpassword sslnegotiation ssl_min_protocol_version ssl_max_protocol_version
    target_session_attrs krbsrvname gsslib
    """
)
"""What asyncpg takes from a URL by itself."""

_SERVERS = _names(
    """
    application_name options search_path statement_timeout lock_timeout timezone
    idle_in_transaction_session_timeout
    """
)
"""What the server is told of a session."""

_OURS = frozenset({"connect_timeout", "connection_limit", "pool_timeout", "pgbouncer", "schema", "ssl"})
_SET_ASIDE = _names(
    """
    channel_binding client_encoding fallback_application_name gssencmode gssdelegation keepalives
    keepalives_idle keepalives_interval keepalives_count load_balance_hosts
    prepared_statement_cache_size sslcertmode sslcompression sslsni socket_timeout
    statement_cache_size tcp_user_timeout
    """
)
"""What other drivers know and asyncpg has no need of, or no way to do."""

_BADLY_WRITTEN = (
    "can't be read as postgresql://user:password@host:port/database; in a user's name or a password, write "
    "characters such as @ : / ? # [ ] as %40 and so on"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresAddress:
    """A PostgreSQL database: `dsn` is what asyncpg is given, and `shown` what people are, without secrets.

    `pooled_elsewhere` says that a pooler such as PgBouncer may give every transaction another session.
    `system_roots` means the certificates that the machine trusts.
    """

    dsn: str = field(repr=False)
    shown: str
    pool_size: int = POOL_SIZE
    pool_timeout: timedelta = POOL_TIMEOUT
    connect_timeout: timedelta = CONNECT_TIMEOUT
    pooled_elsewhere: bool = False
    system_roots: bool = False
    warnings: tuple[str, ...] = ()


def is_postgres(url: str) -> bool:
    """Tell whether a URL is one of PostgreSQL, with whatever driver."""
    return url.partition("://")[0].partition("+")[0] in _SCHEMES


def read_postgres(url: str) -> PostgresAddress:
    """Return what a URL of PostgreSQL says. Raises InvalidConfig, which quotes no part that may be secret."""
    scheme, _, rest = url.partition("://")
    driver = scheme.partition("+")[2]
    if driver not in ("", _DRIVER):
        raise InvalidConfig(f"the driver is {_DRIVER}, not {driver}: write postgresql://…")
    try:
        parts = urlsplit(f"postgresql://{rest}")
    except ValueError:
        raise InvalidConfig(_BADLY_WRITTEN) from None
    login, _, hosts = parts.netloc.rpartition("@")
    if parts.fragment or "@" in login or not all(_HOST.fullmatch(host) for host in hosts.split(",")):
        raise InvalidConfig(_BADLY_WRITTEN)
    said = dict(parse_qsl(parts.query, keep_blank_values=True))
    _refuse_unknown(said)
    return PostgresAddress(
        dsn=parts._replace(query=urlencode(_for_driver(said), quote_via=quote)).geturl(),
        shown=_shown(login, hosts or said.get("host", ""), parts.path or f"/{said.get('dbname', '')}"),
        pool_size=_whole(said, "connection_limit") or POOL_SIZE,
        pool_timeout=_seconds(said, "pool_timeout") or POOL_TIMEOUT,
        connect_timeout=_seconds(said, "connect_timeout") or CONNECT_TIMEOUT,
        pooled_elsewhere=said.get("pgbouncer", "false").lower() == "true",
        system_roots=said.get("sslrootcert") == "system",
        warnings=_warnings(said),
    )


def with_pool(url: str, *, size: int | None, timeout: timedelta | None) -> str:
    """Return a URL of PostgreSQL that says how many connections there may be, unless it does already."""
    base, _, query = url.partition("?")
    said = parse_qsl(query, keep_blank_values=True)
    known = {name for name, _ in said}
    wanted = {"connection_limit": size, "pool_timeout": None if timeout is None else timeout.total_seconds()}
    added = [(name, f"{value:g}") for name, value in wanted.items() if value and name not in known]
    return f"{base}?{urlencode(said + added, quote_via=quote)}" if added else url


def shown_database(url: str) -> str:
    """Return a URL as it may be shown: without password and parameters."""
    return read_postgres(url).shown if is_postgres(url) else url


def _refuse_unknown(said: dict[str, str]) -> None:
    unknown = sorted(set(said) - _DRIVERS - _SERVERS - _OURS - _SET_ASIDE - {"sslaccept"})
    if unknown:
        raise InvalidConfig(
            f"nobody knows the parameter `{unknown[0]}`; what is meant for the server goes into "
            "options=-c%20name%3Dvalue"
        )
    mode = said.get("sslmode", said.get("ssl", "prefer"))
    if mode not in _SSL_MODES:
        raise InvalidConfig(f"sslmode should be one of {', '.join(_SSL_MODES)}")
    if said.get("sslaccept", "strict") not in ("strict", "accept_invalid_certs"):
        raise InvalidConfig("sslaccept should be strict or accept_invalid_certs")


def _for_driver(said: dict[str, str]) -> dict[str, str]:
    told = {name: value for name, value in said.items() if name in _DRIVERS | _SERVERS}
    if "ssl" in said:
        told.setdefault("sslmode", said["ssl"])
    if "schema" in said:
        told.setdefault("search_path", said["schema"])
    if told.get("sslrootcert") == "system":
        del told["sslrootcert"]
        told.pop("sslmode", None)
    told.setdefault("application_name", said.get("fallback_application_name", "overnight"))
    return told


def _warnings(said: dict[str, str]) -> tuple[str, ...]:
    if said.get("channel_binding") != "require":
        return ()
    return ("database_url: channels are not bound (channel_binding): sslmode=verify-full is as safe.",)


def _shown(login: str, hosts: str, path: str) -> str:
    user = login.partition(":")[0]
    return f"postgresql://{unquote(user) + '@' if user else ''}{hosts}{path}"


def _whole(said: dict[str, str], name: str) -> int:
    value = said.get(name, "0")
    if not value.isdecimal() or len(value) > 6:
        raise InvalidConfig(f"{name} should be a whole number")
    return int(value)


def _seconds(said: dict[str, str], name: str) -> timedelta:
    return timedelta(seconds=_whole(said, name))
