"""Commands are functions: their options are its arguments, what it returns is printed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gan_lightning.cli.commands import COMMANDS, POSITIONAL, run_command
from gan_lightning.errors import UserError
from gan_lightning.normalization import Normalization, ssn

Given = list[dict[str, Any]]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """What a command of each form was called with."""
    calls: Given = []

    def command(
        ckpt: str = "none", count: int = 1, norm: Normalization | None = None
    ) -> dict[str, object]:
        """Does it."""
        calls.append({"ckpt": ckpt, "count": count, "norm": norm})
        return {"made": count, "of": ckpt}

    def other(count: int = 1) -> None:
        """Does something else."""
        calls.append({"count": count})

    monkeypatch.setitem(COMMANDS, "sample", command)
    monkeypatch.setitem(COMMANDS, "prepare", other)
    return calls


def test_options_are_arguments_and_results_are_printed(
    given: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command("sample", ["--ckpt=a.ckpt", "--count", "3"])
    assert given == [{"ckpt": "a.ckpt", "count": 3, "norm": None}]
    assert capsys.readouterr().out == "made: 3\nof: a.ckpt\n"


def test_what_returns_nothing_prints_nothing(
    given: Given, capsys: pytest.CaptureFixture[str]
) -> None:
    run_command("prepare", [])
    assert given == [{"count": 1}]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("words", [["a.ckpt", "--count=3"], ["--count=3", "--ckpt", "a.ckpt"]])
def test_the_first_word_may_be_what_it_is_about(given: Given, words: list[str]) -> None:
    run_command("sample", words)
    assert (given[0]["ckpt"], given[0]["count"]) == ("a.ckpt", 3)


def test_a_word_that_is_about_nothing_is_refused(given: Given) -> None:
    assert "prepare" not in POSITIONAL
    with pytest.raises(UserError, match=r"a\.ckpt"):
        run_command("prepare", ["a.ckpt"])
    assert not given


def test_options_come_from_a_file_and_build_objects(given: Given, tmp_path: Path) -> None:
    """In whatever order; what is typed wins."""
    path = tmp_path / "one.yaml"
    path.write_text("ckpt: b.ckpt\ncount: 5\n")
    words = ["--norm.scale=1.5", "--norm=ssn", "--count=2", f"--config={path}"]
    run_command("sample", words)
    assert (given[0]["ckpt"], given[0]["count"]) == ("b.ckpt", 2)
    assert isinstance(given[0]["norm"], ssn)
    assert given[0]["norm"].scale == 1.5


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--count=x"], r"^--count x: expected int$"),
        (["--coun=1"], r"^--coun is not an option; did you mean --count"),
        (["--norm=nothing"], r"^--norm nothing is not known\. Known: .*bssn"),
        (["--norm=ssn", "--norm.scale=-1"], r"^--norm\.scale must be .* > 0, .* got -1"),
        (["--norm=ssn", "--norm.scale=null"], r"^--norm\.scale is null: give float, or leave"),
        (["--trust"], r"^--trust needs the name of a package$"),
    ],
)
def test_a_mistake_names_its_option(given: Given, words: list[str], said: str) -> None:
    with pytest.raises(UserError, match=said):
        run_command("sample", words)
    assert not given


def test_a_file_is_not_trusted_and_what_is_typed_is(given: Given, tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("norm: {class_path: antigravity.norm}\n")
    with pytest.raises(UserError, match=r"may not name antigravity\.norm"):
        run_command("sample", [f"--config={path}"])
    with pytest.raises(UserError, match="No module named 'no_such_package'"):
        run_command("sample", ["--norm=no_such_package.norm"])
    assert not given


def test_a_command_names_its_own_options(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^--data\.batch_size 0"):
        run_command("prepare", ["--data=digits", "--data.batch_size=0"])
    with pytest.raises(UserError, match=r"^--out x\.pth must end"):
        run_command("extractor", ["--data=digits", "--out=x.pth"])
