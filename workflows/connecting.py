"""How a process finds Temporal: by the SDK's own environment configuration, unless it is told where.

That is TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, TEMPORAL_API_KEY, TEMPORAL_TLS and TEMPORAL_TLS_*, and profiles
of a file (TEMPORAL_PROFILE, TEMPORAL_CONFIG_FILE): so a cluster, or Temporal Cloud, is no other code.
"""

import os

from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig
from temporalio.runtime import Runtime

from overnight.domain.errors import InvalidConfig, TemporalUnavailable
from workflows.plugin import OvernightPlugin
from workflows.unreachable import why_unreachable

USUAL_ADDRESS = "localhost:7233"
"""Where Temporal's own tools look for it if nobody says where it is."""

_CONFIG_FILE = "TEMPORAL_CONFIG_FILE"


async def connect(
    embedded: str | None = None,
    *,
    address: str | None = None,
    lazy: bool = False,
    runtime: Runtime | None = None,
) -> Client:
    """Connect to where TEMPORAL_* and profiles point; an `address` (host:port) wins over theirs.

    To the `embedded` server none of that applies: it speaks no TLS, wants no key and has one namespace.
    `runtime` is the SDK's core, by default one that counts nothing. A `lazy` client connects when it is first
    used: a gateway has to be up to say that Temporal is not. Raises TemporalUnavailable when nobody
    answers, InvalidConfig when it can't be told where that is, or how to get in.
    """
    config = _configured(address) if embedded is None else _embedded(embedded)
    where = config["target_host"]
    try:
        return await Client.connect(**config, plugins=[OvernightPlugin()], lazy=lazy, runtime=runtime)
    except ValueError as error:
        raise InvalidConfig(f"Temporal can't be connected to at {where}: {error}.") from None
    except RuntimeError as error:
        # Nothing is chained: what the SDK says may quote what it was given.
        raise TemporalUnavailable(f"Temporal does not answer at {where}: {why_unreachable(error)}.") from None


def _embedded(address: str) -> ClientConnectConfig:
    return {"target_host": address, "namespace": "default"}


def _configured(address: str | None) -> ClientConnectConfig:
    try:
        config = ClientConfig.load_client_connect_config()
    except RuntimeError as error:
        raise InvalidConfig(f"where Temporal is can't be read: {_without_quotes(error)}") from None
    except OSError as error:
        what = f"{error.filename} can't be read: {error.strerror}"
        raise InvalidConfig(f"a certificate or key for Temporal in {what}") from error
    config["target_host"] = address or config.get("target_host") or USUAL_ADDRESS
    return config


def _without_quotes(error: RuntimeError) -> str:
    # A parser shows the line that it stumbled over, which may be the one with the key in it.
    said, quoted, _ = str(error).partition("\n")
    file = os.environ.get(_CONFIG_FILE)
    return f"{said} of {file or 'the configuration file'}" if quoted else said
