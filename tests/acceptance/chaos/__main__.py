"""Nights without end, or for as long as is told:

python -m tests.acceptance.chaos --seconds 600 --seed 7
"""

import argparse
import secrets
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.acceptance.chaos.nights import one_night, standing_fleet


def main() -> None:
    """Have one night after the other, on one fleet, each with a seed of its own."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=600, help="no night begins after so long")
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="of the first night")
    asked = parser.parse_args()
    ends = time.monotonic() + asked.seconds
    seed, nights = asked.seed, 0
    with TemporaryDirectory() as folder, standing_fleet(Path(folder)) as standing:
        while nights == 0 or time.monotonic() < ends:
            one_night(standing, seed=seed)
            nights += 1
            seed += 1
    print(f"{nights} nights, and nothing was lost.")  # noqa: T201 - for whoever looks


if __name__ == "__main__":
    main()
