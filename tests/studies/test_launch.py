"""A command that is started by a process does not outlive it, and is else as if started plainly."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gan_lightning.studies.launch import through
from tests.conftest import ROOT
from tests.studies.processes import until

SAYS = "import sys; print(*sys.argv[1:]); sys.exit(7)"


def run(words: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_a_command_gets_its_words_and_its_exit_code_is_that_of_the_process() -> None:
    words = ["a b", "--c=*", "", "$HOME"]
    found = run(through([sys.executable, "-c", SAYS, *words]))
    assert (found.stdout, found.returncode) == (" ".join(words) + "\n", 7)


def test_a_command_is_one_process_that_can_be_stopped() -> None:
    """It takes the place of its launcher: whoever stops that stops the run."""
    code = "import os; print(os.getpid(), os.getppid())"
    command = through([sys.executable, "-c", code])
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        text, _ = process.communicate(timeout=60)
    assert text.split() == [str(process.pid), str(os.getpid())]


def test_what_is_started_after_its_parents_end_does_nothing() -> None:
    words = through([sys.executable, "-c", SAYS])
    place = words.index(str(os.getpid()))
    words[place] = str(os.getpid() + 1)  # its parent is another
    found = run(words)
    assert (found.stdout, found.returncode) == ("", 128 + signal.SIGTERM)


CHILD = """
import pathlib, signal, sys, time
def told(number, frame):
    pathlib.Path(sys.argv[1], "told").write_text(str(number))
    sys.exit()
signal.signal(signal.SIGTERM, told)
pathlib.Path(sys.argv[1], "ready").touch()
time.sleep(60)
"""
PARENT = """
import subprocess, sys
from gan_lightning.studies.launch import through
subprocess.run(through([sys.executable, "-c", sys.argv[1], sys.argv[2]]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a run trains on")
def test_a_command_is_asked_to_stop_when_its_parent_is_killed(tmp_path: Path) -> None:
    words = [sys.executable, "-c", PARENT, CHILD, str(tmp_path)]
    with subprocess.Popen(words, cwd=ROOT) as parent:
        until(lambda: (tmp_path / "ready").exists())
        parent.kill()
    until(lambda: (tmp_path / "told").exists() and (tmp_path / "told").read_text())
    assert (tmp_path / "told").read_text() == str(int(signal.SIGTERM))
