"""A pipe that tells a child that its parent is gone: nobody writes to it, and its end means the end.

It works on every system and however the parent died. The parent alone holds the writing end; where it
holds a lock as well, its children hold that with it, so the lock is free when the last of them is gone.
"""

import os
import signal
import threading
from datetime import timedelta

LIFELINE_VARIABLE = "OVERNIGHT_LIFELINE"
"""The environment variable that names the reading end's file descriptor."""

ORPHAN_GRACE = timedelta(seconds=10)
"""How long an orphan may take to stop of its own accord."""


def follow_parent() -> None:
    """Stop this process, gently and then for good, when its parent is gone; nothing if it has no lifeline."""
    descriptor = os.environ.pop(LIFELINE_VARIABLE, None)
    if descriptor is not None:
        threading.Thread(target=_wait_for_the_end, args=(int(descriptor),), daemon=True).start()


def _wait_for_the_end(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)
    threading.Event().wait(ORPHAN_GRACE.total_seconds())
    os._exit(1)
