"""How a process finds Temporal: by the SDK's own environment configuration, unless it is told where."""

from temporalio.client import Client
from temporalio.envconfig import ClientConfig, ClientConnectConfig

from overnight.domain.errors import InvalidConfig, TemporalUnavailable
from workflows.plugin import OvernightPlugin


async def connect(address: str | None = None, *, lazy: bool = False) -> Client:
    """Connect to `address` (host:port, the embedded server's), or to where TEMPORAL_* and profiles point.

    A `lazy` client connects when it is first used: a gateway has to be up to say that Temporal is not.
    Raises TemporalUnavailable when nobody answers, InvalidConfig when the SDK can't read where that is.
    """
    config = _configured() if address is None else _at(address)
    try:
        return await Client.connect(**config, plugins=[OvernightPlugin()], lazy=lazy)
    except RuntimeError as error:
        where = config.get("target_host", "the default address")
        raise TemporalUnavailable(f"Temporal does not answer at {where}.") from error


def _at(address: str) -> ClientConnectConfig:
    return {"target_host": address, "namespace": "default"}


def _configured() -> ClientConnectConfig:
    try:
        return ClientConfig.load_client_connect_config()
    except RuntimeError as error:
        raise InvalidConfig(f"where Temporal is can't be read: {error}") from error
