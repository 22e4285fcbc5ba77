"""What a run shows of itself, on a terminal and in a file."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from gan_lightning.callbacks.progress import Progress
from tests.callbacks.runs import data, gan
from tests.conftest import bare_trainer


class Terminal(io.StringIO):
    """Collects what is shown on a terminal."""

    def isatty(self) -> bool:
        return True


def train(folder: Path, progress: Progress, steps: int) -> None:
    options = {"max_steps": steps, "enable_progress_bar": True, "limit_val_batches": 0}
    trainer = bare_trainer(folder, callbacks=[progress], **options)
    trainer.fit(gan(), data(folder))


def test_a_file_gets_a_line_now_and_then(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(tmp_path, Progress(line_every=1000), steps=6)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1  # the last one
    assert lines[0].startswith("iteration 6/6, ")
    assert "loss_d " in lines[0]
    assert "loss_g " in lines[0]


def test_lines_come_as_often_as_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(tmp_path, Progress(line_every=0), steps=4)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(",")[0] for line in lines[:4]] == [f"iteration {n}/4" for n in (1, 2, 3, 4)]


def test_a_terminal_of_80_columns_gets_a_bar(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stdout", terminal)
    monkeypatch.setenv("COLUMNS", "80")
    train(tmp_path, Progress(refresh=0), steps=5)
    shown = [line for line in terminal.getvalue().replace("\r", "\n").splitlines() if line.strip()]
    assert all("Epoch" not in line and len(line) <= 80 for line in shown)
    assert shown[-1].startswith("iteration 5/5 |")
    bar = shown[-1].split("|")[1]
    assert len(bar) >= 8
    assert "loss_d" in shown[-1]


def test_other_ranks_show_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    progress = Progress(line_every=0)
    progress.disable()
    monkeypatch.setattr(Progress, "enable", Progress.disable)  # by the trainer, as on rank 1
    train(tmp_path, progress, steps=2)
    assert "iteration" not in capsys.readouterr().out
