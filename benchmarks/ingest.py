"""How fast a batch's input is taken in, beside the least that could be done with the same bytes.

    .venv/bin/python benchmarks/ingest.py [upload|validate] --lines 2000000 --line-bytes 1000

Both sides of a comparison run in turn, so that a busy machine slows both. Uploads are curl's, to a server
in a process of its own; validation runs in this process.
"""

import argparse
import re
import resource
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec
import psutil

from overnight.domain.endpoint import Endpoint
from overnight.jsonl import Inspector

MODEL = "gpt-4o-mini"
BLOCK_BYTES = 2**20
WORDS = 'The quick brown fox said "jumps" over the lazy dog.\nThen it rested. '


class BareLine(msgspec.Struct):
    """A line as the bare loop decodes it: nothing is checked but that it is JSON with these fields."""

    custom_id: str
    method: str
    url: str
    body: msgspec.Raw


def write_input(path: Path, *, lines: int, line_bytes: int) -> None:
    """Write `lines` chat requests of about `line_bytes` bytes each."""
    with path.open("wb") as file:
        for number in range(lines):
            file.write(request_line(number, line_bytes=line_bytes))


def request_line(number: int, *, line_bytes: int) -> bytes:
    """Return a line whose prompt fills it up."""
    frame = (
        b'{"custom_id":"request-%08d","method":"POST","url":"/v1/chat/completions","body":{"model":"%s",'
        b'"messages":[{"role":"user","content":%s}],"max_tokens":100}}\n'
    )
    room = max(1, line_bytes - len(frame) - len(MODEL))
    prompt = (WORDS * (room // len(WORDS) + 1))[:room]
    return frame % (number, MODEL.encode(), msgspec.json.encode(prompt))


def read_bare(path: Path) -> int:
    """Decode every line, and return how many there were."""
    decode = msgspec.json.Decoder(BareLine).decode
    count = 0
    with path.open("rb") as file:
        for line in file:
            decode(line)
            count += 1
    return count


def inspect(path: Path) -> int:
    """Inspect the file as ingest does, and return how many lines it accepted."""
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch, path.open("rb") as file:
        inspector = Inspector(
            endpoint=Endpoint.CHAT_COMPLETIONS, knows_model=MODEL.__eq__, scratch=Path(scratch)
        )
        while block := file.read(BLOCK_BYTES):
            inspector.feed(block)
        inspection = inspector.finish()
    return inspection.lines if inspection.problem_count == 0 else 0


def timed(work: Callable[[Path], int], path: Path, *, lines: int) -> float:
    """Return the MB/s of `work`, which must have seen every line."""
    started = time.perf_counter()
    seen = work(path)
    elapsed = time.perf_counter() - started
    assert seen == lines, f"{work.__name__} saw {seen} of {lines} lines"
    return path.stat().st_size / elapsed / 1e6


def validate(*, lines: int, line_bytes: int, rounds: int) -> None:
    """Compare the inspector with a bare read-and-parse loop."""
    with tempfile.TemporaryDirectory(prefix="overnight-ingest-") as folder:
        path = Path(folder) / "input.jsonl"
        write_input(path, lines=lines, line_bytes=line_bytes)
        print(f"validate: {lines} lines, {path.stat().st_size / 1e6:.0f} MB, {rounds} rounds")
        before = psutil.Process().memory_info().rss
        bare, inspected = [], []
        for _ in range(rounds):
            bare.append(timed(read_bare, path, lines=lines))
            inspected.append(timed(inspect, path, lines=lines))
    report("bare read-and-parse", bare)
    report("inspector", inspected)
    print(f"  ratio                {statistics.median(inspected) / statistics.median(bare):6.0%}")
    # ru_maxrss is in KiB, and the peak of the whole life of the process.
    growth = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - before
    print(f"  peak memory growth   {growth / 1e6:6.0f} MB")


def upload(*, lines: int, line_bytes: int, rounds: int) -> None:
    """Compare the gateway's upload with a handler that only writes the body to the disk; both fsync it."""
    with tempfile.TemporaryDirectory(prefix="overnight-ingest-") as folder, ExitStack() as servers:
        path = Path(folder) / "input.jsonl"
        write_input(path, lines=lines, line_bytes=line_bytes)
        print(f"upload: {lines} lines, {path.stat().st_size / 1e6:.0f} MB, {rounds} rounds")
        sides = [servers.enter_context(served(which, Path(folder))) for which in ("bare", "gateway")]
        speeds: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            for side, found in zip(sides, speeds, strict=True):
                found.append(side.upload(path))
        growth = sides[1].peak_growth()
        cpu = [side.cpu_seconds() / rounds for side in sides]
    report("bare body-to-disk", speeds[0])
    report("gateway", speeds[1])
    print(f"  ratio                {statistics.median(speeds[1]) / statistics.median(speeds[0]):6.0%}")
    print(f"  CPU an upload        {cpu[1]:6.2f} s, bare {cpu[0]:.2f} s")
    print(f"  peak memory growth   {growth / 1e6:6.0f} MB")


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two servers, and what it had used before anything was uploaded: bytes and seconds."""

    process: psutil.Popen
    port: int
    folder: Path
    rss: int
    cpu: float

    def upload(self, path: Path) -> float:
        """Upload the file, remove what the server wrote, and return MB/s."""
        url = f"http://127.0.0.1:{self.port}/v1/files"
        started = time.perf_counter()
        curl("-F", "purpose=batch", "-F", f"file=@{path}", url)
        elapsed = time.perf_counter() - started
        # Both sides write a new file each time, and neither pays for the pages of those before.
        for written in self.folder.rglob("*"):
            if written.is_file() and written.stat().st_size > path.stat().st_size // 2:
                written.unlink()
        return path.stat().st_size / elapsed / 1e6

    def cpu_seconds(self) -> float:
        """Return how much CPU the process has used, in all its threads."""
        return used_cpu(self.process) - self.cpu

    def peak_growth(self) -> int:
        """Return by how many bytes the process has grown at most."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        peak_kib = int(re.search(r"VmHWM:\s+(\d+)", status)[1])  # type: ignore[index] - Linux has it
        return peak_kib * 1024 - self.rss


@contextmanager
def served(which: str, folder: Path) -> Iterator[Side]:
    """Run one of the two servers."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = folder / which
    own.mkdir()
    server = Path(__file__).with_name("upload_server.py")
    process = psutil.Popen(
        [sys.executable, str(server), which, str(port), str(own)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        curl("--retry", "100", "--retry-connrefused", "--retry-delay", "1", f"http://127.0.0.1:{port}/docs")
        yield Side(process, port, own, process.memory_info().rss, used_cpu(process))
    finally:
        process.terminate()
        process.wait()


def used_cpu(process: psutil.Process) -> float:
    """Return the CPU seconds of the process, the kernel's on its behalf included."""
    times = process.cpu_times()
    return float(times.user + times.system)


def curl(*arguments: str) -> bytes:
    """Run curl, and return what the server said."""
    command = ["curl", "--silent", "--fail", *arguments]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout


def report(name: str, speeds: list[float]) -> None:
    """Print the median of `speeds` and how far they spread."""
    print(f"  {name:20s} {statistics.median(speeds):6.0f} MB/s   ({min(speeds):.0f} to {max(speeds):.0f})")


COMPARISONS = {"upload": upload, "validate": validate}


def main() -> None:
    """Run the comparisons that the command line names, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", choices=[*COMPARISONS, []])
    parser.add_argument("--lines", type=int, default=2_000_000)
    parser.add_argument("--line-bytes", type=int, default=1_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    for what in options.what or COMPARISONS:
        COMPARISONS[what](lines=options.lines, line_bytes=options.line_bytes, rounds=options.rounds)


if __name__ == "__main__":
    main()
