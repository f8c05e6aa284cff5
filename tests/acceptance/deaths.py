"""How real processes are killed at a named point in their work; `killing/sitecustomize.py` does it."""

import os
from pathlib import Path
from typing import Final

_TESTED = Path(__file__).parents[2]
KILLING: Final = os.pathsep.join(map(str, (Path(__file__).with_name("killing"), _TESTED)))
"""The path of a process that may die. The code under test is named too, since another's may be installed."""


def losing_power(folder: Path, point: str) -> dict[str, str]:
    """Return the environment in which all of `serve` is killed at a point, once."""
    return {"PYTHONPATH": KILLING, "KILL_AT": point, "KILL_MARK": str(_mark(folder))}


def power_was_lost(folder: Path) -> bool:
    """Say whether it has happened."""
    return _mark(folder).exists()


def _mark(folder: Path) -> Path:
    return folder / "killed"
