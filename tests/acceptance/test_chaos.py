"""A fleet in a bad night: gateways, workers, Temporal and PostgreSQL are killed, frozen and restarted."""

from pathlib import Path

import pytest

from tests.acceptance.chaos.nights import one_night, standing_fleet

SEED = 20261127


@pytest.mark.parametrize("seed", [SEED])
def test_a_night_in_which_everything_dies_loses_nothing_and_pays_once(tmp_path: Path, seed: int) -> None:
    with standing_fleet(tmp_path) as standing:
        one_night(standing, seed=seed)
