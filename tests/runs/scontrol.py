"""A SLURM of our own: the environment of a job, and a program that notes what it was told."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

SETTINGS = {"JOB_ID": "77", "JOB_NAME": "x", "NTASKS": "1", "PROCID": "0", "LOCALID": "0"}


def install(folder: Path, monkeypatch: pytest.MonkeyPatch, then: str = "") -> Path:
    """Puts a fake ``scontrol`` first in the path of a job.

    Args:
        folder: Where it is put.
        monkeypatch: Takes it away again.
        then: What it does after noting its arguments, in the shell's words.

    Returns:
        The file of what it was told, a line for each time.
    """
    program, said = folder / "bin" / "scontrol", folder / "said.txt"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\necho "$@" >> {said}\n{then}\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    for name, value in SETTINGS.items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    return said
