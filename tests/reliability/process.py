"""Processes that run ``gan``, forked from one that has imported everything.

A child is a process of its own in every other respect: its signals, its memory, its death.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import time
import traceback
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from gan_lightning import cli

for module in ("sklearn.datasets", "PIL.PngImagePlugin", "safetensors.torch", "scipy.linalg"):
    import_module(module)  # what a run would import late


@dataclass
class Process:
    """A running ``gan``.

    Args:
        pid: Its number.
        output: The file that has its stdout and stderr.
    """

    pid: int
    output: Path

    def signal(self, number: int) -> None:
        """Sends a signal, if the process is still there."""
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def wait(self, seconds: float = 120.0) -> int:
        """Its exit code, negative where a signal ended it, as `subprocess` has it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if done:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        self.signal(signal.SIGKILL)
        os.waitpid(self.pid, 0)
        raise TimeoutError(f"still running after {seconds} s: {self.text()}")

    def text(self) -> str:
        """What it said."""
        return self.output.read_text(errors="replace")


def start(arguments: Sequence[str], output: Path, largest_file: int | None = None) -> Process:
    """Starts ``gan ARGUMENTS``.

    Args:
        arguments: What follows ``gan``.
        output: File for its stdout and stderr.
        largest_file: Bytes after which a file cannot grow, as if the disk were full.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        _be(list(arguments), output, largest_file)
    return Process(pid, output)


def _be(arguments: list[str], output: Path, largest_file: int | None) -> None:
    """What the child does; never returns."""
    code = 70
    try:
        handle = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(handle, 1)
        os.dup2(handle, 2)
        if largest_file is not None:
            _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, hard))
        sys.argv = ["gan"]
        code = _exit_code(arguments)
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(code)


def _exit_code(arguments: list[str]) -> int:
    try:
        cli.main(arguments)
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:
        traceback.print_exc()
        return 1
    return 0
