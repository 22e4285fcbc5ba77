"""Workers with fake runs, and what is seen of processes from outside."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from gan_lightning.studies.worker import Job
from tests.conftest import ROOT

T = TypeVar("T")


def until(condition: Callable[[], T], patience: float = 60.0) -> T:
    """Waits for what is to happen, and says what it was.

    What is true now need not be a moment later: a process has no command line while it becomes
    another one.
    """
    end = time.monotonic() + patience
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found


def running(words: str) -> list[int]:
    """The processes whose command lines hold these words."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            command = path.read_bytes().replace(b"\0", b" ").decode()
        except OSError:
            continue
        if words in command:
            found.append(int(path.parent.name))
    return found


def started(job: Job) -> subprocess.Popen[bytes]:
    """A worker with fake runs."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.studies.fake"], stdin=subprocess.PIPE, cwd=ROOT
    )
    assert process.stdin is not None
    process.stdin.write(job.text().encode())
    process.stdin.close()
    return process
