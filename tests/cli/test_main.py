"""How ``gan`` ends: what is printed where, and the exit code."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gan_lightning import cli
from gan_lightning.cli.main import INTERRUPTED, UNREAD, main, on_one_line
from gan_lightning.errors import TrainingDiverged, UserError
from gan_lightning.gan import GAN
from tests.conftest import ROOT


def ended(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> int | str | None:
    """The exit code where a command raises this."""

    def raising(arguments: list[str]) -> str:
        raise error

    monkeypatch.setattr("gan_lightning.cli.front.answer", raising)
    with pytest.raises(SystemExit) as exit_:
        main(["fit"])
    return exit_.value.code


def test_an_answer_is_printed_and_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--version"])
    out, err = capsys.readouterr()
    assert out.startswith("gan_lightning ")
    assert out.count("\n") == 1
    assert not err


@pytest.mark.parametrize("kind", [UserError, TrainingDiverged])
def test_a_mistake_is_one_message_and_the_code_of_its_kind(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: type[UserError]
) -> None:
    assert ended(monkeypatch, kind("is wrong\nindeed", "scale")) == kind.exit_code
    out, err = capsys.readouterr()
    assert err == "gan: error: scale is wrong\\nindeed\n"
    assert not out


@pytest.mark.parametrize(("rank", "code"), [(0, UserError.exit_code), (1, 0), (5, 0)])
def test_who_only_heard_of_a_mistake_says_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], rank: int, code: int
) -> None:
    """And fails only as the first: a launcher would kill the one that has yet to speak."""
    error = UserError("is wrong")
    error.heard_by = rank
    assert ended(monkeypatch, error) == code
    assert capsys.readouterr().err == ""


def test_codes_are_those_that_a_shell_expects(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended(monkeypatch, KeyboardInterrupt()) == INTERRUPTED
    assert len({INTERRUPTED, UNREAD, UserError.exit_code, TrainingDiverged.exit_code, 0, 1}) == 6
    assert capsys.readouterr().err.count("\n") == 2  # after the ^C that the terminal shows


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, caf\u00e9 \u03c3 5%", "plain, caf\u00e9 \u03c3 5%"),
        ("a\nb\tc\rd", r"a\nb\tc\rd"),
        ("\x1b[2J\x00", r"\x1b[2J\x00"),
        ("\u202e", r"\u202e"),  # turns what follows around
        ("", ""),
    ],
)
def test_a_sentence_stays_on_its_line(text: str, shown: str) -> None:
    assert on_one_line(text) == shown


def test_ctrl_c_takes_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gan_lightning.cli import commands

    def interrupted(x: int = 0) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(commands.COMMANDS, "prepare", interrupted)
    with pytest.raises(SystemExit) as exit_:
        cli.main(["prepare"])
    assert exit_.value.code == 130
    assert capsys.readouterr().err.strip() == "gan: stopped by Ctrl-C"


def test_an_error_that_is_no_mistake_keeps_its_traceback(
    tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: GAN, batch: object, batch_idx: int) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(GAN, "training_step", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["fit", "--config", str(tiny), "--run", str(tmp_path / "run")])


@pytest.mark.runs
@pytest.mark.parametrize(
    "words",
    [
        "--help",
        "compare docs/evidence/digits",
        "sweep sweeps/digits.yaml --dry_run",
    ],
)
def test_output_that_nobody_reads_to_the_end_is_no_mistake(words: str) -> None:
    """As with ``gan ... | head -1``."""
    line = [sys.executable, "-m", "gan_lightning.cli", *words.split()]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        line, cwd=ROOT, stdout=write, stderr=subprocess.PIPE, text=True, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "")


def test_another_broken_pipe_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output is read: it was a process's pipe, and no reader that has seen enough."""

    def broken(arguments: list[str]) -> str:
        raise BrokenPipeError(arguments)

    monkeypatch.setattr("gan_lightning.cli.front.answer", broken)
    with Path(os.devnull).open("w") as output:
        monkeypatch.setattr(sys, "stdout", output)
        with pytest.raises(BrokenPipeError):
            main([])
