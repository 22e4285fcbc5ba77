"""What people see of a long piece of work."""

from __future__ import annotations

import io
import sys
import time

import pytest

from gan_lightning.data.preparation import progress as module
from gan_lightning.data.preparation.progress import Lines, progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_log_gets_a_line_every_ten_seconds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """100 images a second for 35 seconds, told of every quarter of a second."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with progress("photos train", total=10_000, done=2_000) as advance:
        for _ in range(140):
            now += 0.25
            advance(25)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3
    assert lines[0] == "photos train: 3,000 of 10,000 images, 100 per second, 0:01:10 left"
    assert [line.split()[2] for line in lines] == ["3,000", "4,000", "5,000"]


def test_a_terminal_gets_a_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with progress("photos train", total=10, done=2) as advance:
        advance(8)
    assert "photos train: 100%" in terminal.getvalue()
    assert "\r" in terminal.getvalue()


def test_a_line_can_be_written_at_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A clock that has not moved is no reason to divide by zero."""
    monkeypatch.setattr(module, "SECONDS", 0)
    monkeypatch.setattr(time, "monotonic", lambda: 0.0)
    Lines("x", 2, 0)(1)
    assert capsys.readouterr().err.startswith("x: 1 of 2 images")
