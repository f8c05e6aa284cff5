"""Run a program that the kernel ends when the process that started it is gone, however that came about.

Run by its path, before anything of ours is imported: `python leash.py <parent's pid> <program> <argument>…`
It becomes that program, so it leaves no process behind. Where the kernel can't do it (anywhere but on
Linux) it does no more than that; our own processes then notice by a pipe (see lifeline).

A program that is given to Popen with a function to run before it would be forked from a process with
threads in it, and might never start.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>. It outlives execve."""


def main() -> None:
    """Set the leash and become the program."""
    parent, *program = sys.argv[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != int(parent):
            sys.exit("the parent was gone before the leash was on")
    os.execvp(program[0], program)  # noqa: S606 - that is what it is for


if __name__ == "__main__":
    main()
