"""How a process finds Temporal: by the SDK's own environment configuration, unless it is told where."""

from temporalio.client import Client
from temporalio.envconfig import ClientConfig

from workflows.plugin import OvernightPlugin


async def connect(address: str | None = None) -> Client:
    """Connect to `address` (host:port, the embedded server's), or to where TEMPORAL_* and profiles point.

    Raises RuntimeError when nobody answers.
    """
    config = ClientConfig.load_client_connect_config()
    if address is not None:
        config = {"target_host": address, "namespace": "default"}
    return await Client.connect(**config, plugins=[OvernightPlugin()])
