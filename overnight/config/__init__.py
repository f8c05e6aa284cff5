"""config.yaml and the environment → one frozen Settings object, read once, at the edge."""

from overnight.config.loading import DEFAULT_GATEWAY_PORT, environment, load_settings
from overnight.config.settings import BucketStorageSettings, LocalStorageSettings, Settings
from overnight.config.vendors import KNOWN as KNOWN_PROVIDERS

__all__ = [
    "DEFAULT_GATEWAY_PORT",
    "KNOWN_PROVIDERS",
    "BucketStorageSettings",
    "LocalStorageSettings",
    "Settings",
    "environment",
    "load_settings",
]
