"""A run that is asked to stop before it has begun ends at once, and leaves nothing half made."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

STARTED = Path("/proc/self/stat").exists()
MOMENTS = [0.3, 1.0, 2.0, 3.0, 4.0, 5.0]
"""Seconds of processor time after the start: the imports take some five of them."""


def processor_seconds(process: subprocess.Popen[str]) -> float:
    """What a process has used so far, however busy the machine is."""
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


INTERRUPTED_IMPORT = """
import os, signal, sys

class CatchesEverything:  # a library that looks for what it can do without
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "numpy"):
            try:
                signal.raise_signal(signal.SIGINT)
            except BaseException:
                pass
            os._exit(7)  # it lives

sys.meta_path.insert(0, CatchesEverything())
signal.signal(signal.SIGINT, getattr(signal, sys.argv.pop(1)))
from gan_lightning.cli import main
main()
"""


@pytest.mark.parametrize("command", ["fit", "prepare", "compare"])
@pytest.mark.parametrize(
    ("handler", "ends"), [("default_int_handler", -signal.SIGINT), ("SIG_IGN", 7)]
)
def test_no_import_can_catch_ctrl_c(command: str, handler: str, ends: int, tmp_path: Path) -> None:
    """It ends the process, unless the process was started to ignore it (``nohup gan ... &``)."""
    program = [sys.executable, "-c", INTERRUPTED_IMPORT, handler, command, str(tmp_path)]
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (ends, "", "")


@pytest.mark.slow
@pytest.mark.skipif(not STARTED, reason="processor time of a process is read from /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_during_the_imports(
    moment: float, number: signal.Signals, tiny: Path, tmp_path: Path
) -> None:
    work = tmp_path / "work"
    work.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "gan_lightning.cli", "fit", "--config", str(tiny)],
        cwd=work,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    while process.poll() is None and processor_seconds(process) < moment:
        time.sleep(0.01)
    process.send_signal(number)
    _, said = process.communicate(timeout=100)
    assert process.returncode in (128 + number, -number), said  # a shell says 128 + number of both
    assert "Traceback" not in said
    assert [path for path in work.rglob("*") if path.is_file()] == []
    assert not any(path.iterdir() for path in (work / "runs").glob("*"))
