"""config.yaml and the environment → one frozen Settings object, read once, at the edge."""

from overnight.config.loading import DEFAULT_GATEWAY_PORT, environment, load_settings
from overnight.config.settings import Settings
from overnight.config.vendors import KNOWN as KNOWN_PROVIDERS
from overnight.storage.settings import LocalStorageSettings

__all__ = [
    "DEFAULT_GATEWAY_PORT",
    "KNOWN_PROVIDERS",
    "LocalStorageSettings",
    "Settings",
    "environment",
    "load_settings",
]
