"""How fast bytes go into a bucket and out again, beside the vendor's own SDK in a plain loop.

    .venv/bin/python -m benchmarks.storage [s3|gcs|azure] --megabytes 1000 --rounds 3

The buckets are the tests' emulators (`make test` has installed them), so clients are compared, and nothing is
said of clouds. Each put and get is made by a process of its own, and the two sides take turns, so that a busy
machine slows both. Emulators keep objects in memory, some of them several times over, which is why it is not
a gigabyte by default.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.emulators.azure import azure_server
from tests.emulators.gcs import gcs_server
from tests.emulators.s3 import s3_server

SERVERS: dict[str, Callable[[Path], AbstractContextManager[Any]]] = {
    "s3": s3_server,
    "gcs": gcs_server,
    "azure": azure_server,
}
SDKS = {"s3": "boto3", "gcs": "google-cloud-storage", "azure": "azure-storage-blob"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Took:
    """What one put or get took: in seconds, and by how many bytes its process grew at most."""

    seconds: float
    cpu: float
    growth: int


def compare(backend: str, *, megabytes: int, rounds: int) -> None:
    """Run both sides of one backend in turn, and print what they took."""
    print(f"{backend}: {megabytes} MiB, {rounds} rounds")
    took: dict[str, list[Took]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="overnight-storage-") as folder,
        SERVERS[backend](Path(folder)) as server,
    ):
        bucket = server.new_bucket()
        for _ in range(rounds):
            for what in ("put", "get"):
                for side in ("sdk", "overnight"):
                    found = run(backend, side, what, bucket.port, bucket.bucket, megabytes)
                    took.setdefault(f"{what} {side}", []).append(found)
    for what in ("put", "get"):
        sdk = report(f"{what} {SDKS[backend]}", took[f"{what} sdk"], megabytes=megabytes)
        ours = report(f"{what} overnight", took[f"{what} overnight"], megabytes=megabytes)
        print(f"  {'ratio':25s} {ours / sdk:6.0%}")


def run(*arguments: object) -> Took:
    """Run one side once."""
    command = [sys.executable, "-m", "benchmarks.storage_side", *map(str, arguments)]
    return Took(**json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def report(name: str, took: list[Took], *, megabytes: int) -> float:
    """Print medians and the most memory, and return the median speed in MB/s."""
    speed = megabytes * 2**20 / 1e6 / statistics.median(each.seconds for each in took)
    cpu = statistics.median(each.cpu for each in took)
    growth = max(each.growth for each in took) / 1e6
    print(f"  {name:25s} {speed:6.0f} MB/s   {cpu:5.2f} s CPU   peak memory growth {growth:4.0f} MB")
    return speed


def main() -> None:
    """Compare the backends that the command line names, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("backends", nargs="*", choices=[*SERVERS, []])
    parser.add_argument("--megabytes", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    for backend in options.backends or SERVERS:
        compare(backend, megabytes=options.megabytes, rounds=options.rounds)


if __name__ == "__main__":
    main()
