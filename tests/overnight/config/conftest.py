"""Settings from a few lines of YAML."""

from collections.abc import Callable, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

from overnight.config import Settings, load_settings

Load = Callable[..., Settings]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def load(text: str, environ: Mapping[str, str] | None = None, *, gateway_port: int = 4000) -> Settings:
        path = tmp_path / "config.yaml"
        path.write_text(dedent(text))
        data_dir = tmp_path / "data"
        return load_settings(path, data_dir=data_dir, environ=environ or {}, gateway_port=gateway_port)

    return load
