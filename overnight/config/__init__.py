"""config.yaml and the environment → one frozen Settings object, read once, at the edge."""

from overnight.config.loading import DEFAULT_GATEWAY_PORT, environment, load_settings
from overnight.config.settings import BucketStorageSettings, LocalStorageSettings, Settings

__all__ = [
    "DEFAULT_GATEWAY_PORT",
    "BucketStorageSettings",
    "LocalStorageSettings",
    "Settings",
    "environment",
    "load_settings",
]
