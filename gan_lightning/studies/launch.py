"""Starts a command that does not outlive the process that asked for it.

``python -m gan_lightning.studies.launch PARENT COMMAND...``: on Linux the system sends SIGTERM to
the command when PARENT ends, even by SIGKILL, so that a run saves and stops instead of training on
unseen. Elsewhere it trains on; who wants its folder next waits for it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1
"""Of ``prctl``; it stays set over ``exec``, and belongs to the thread that calls it."""


def end_with(parent: int) -> None:
    """Asks for SIGTERM when the parent ends, and exits if it has already."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(128 + signal.SIGTERM)


def through(command: list[str]) -> list[str]:
    """The command that starts another one this way, from this process."""
    return [sys.executable, "-m", "gan_lightning.studies.launch", str(os.getpid()), *command]


if __name__ == "__main__":
    end_with(int(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
