"""The `overnight` command as a person types it."""

import os
import subprocess
import sys
from pathlib import Path

OVERNIGHT = str(Path(sys.executable).with_name("overnight"))
PATIENCE_SECONDS = 300

Keys = dict[str, str]


def environment(**more: str) -> dict[str, str]:
    """Return ours, without what would tell the command where to look."""
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("TEMPORAL_", "OVERNIGHT_"))
    }
    return {**clean, **more}


def overnight(
    *arguments: object, url: str = "", code: int = 0, cwd: Path | None = None, keys: Keys | None = None
) -> tuple[str, str]:
    """Run the command off a terminal; return what it printed on stdout and on stderr."""
    done = subprocess.run(
        [OVERNIGHT, *map(str, arguments)],
        env=environment(**(keys or {}), **({"OVERNIGHT_URL": url} if url else {})),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout, done.stderr
