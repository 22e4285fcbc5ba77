"""Commands that only read: folders first, options after them, mistakes in one sentence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gan_lightning.cli import light
from gan_lightning.cli.light import COMMANDS, run_command
from gan_lightning.cli.main import LIGHT
from gan_lightning.errors import TrainingDiverged, UserError

Given = list[dict[str, Any]]


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Given:
    """What a command of this form was called with."""
    calls: Given = []

    def command(
        runs: Sequence[str], at: str = "end", count: int = 3, out: str | None = None
    ) -> None:
        """Looks."""
        calls.append({"runs": runs, "at": at, "count": count, "out": out})

    monkeypatch.setitem(COMMANDS, "compare", command)
    return calls


def test_these_are_the_commands_that_start_without_torch() -> None:
    assert sorted(COMMANDS) == sorted(LIGHT)


def test_the_first_words_are_folders_and_the_rest_has_defaults(given: Given) -> None:
    run_command("compare", ["one"])
    run_command("compare", ["one", "two*", "--at=best", "--count", "5", "--out=x.csv"])
    assert given == [
        {"runs": ["one"], "at": "end", "count": 3, "out": None},
        {"runs": ["one", "two*"], "at": "best", "count": 5, "out": "x.csv"},
    ]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "runs"),
        (["a", "--count=x"], "--count|count"),
        (["a", "--cou=5"], "--cou"),
        (["a", "--nonsense", "b"], "--nonsense"),
    ],
)
def test_a_mistake_is_one_sentence_and_says_where_help_is(
    given: Given, words: list[str], said: str
) -> None:
    with pytest.raises(UserError, match=said) as error:
        run_command("compare", words)
    assert str(error.value).endswith("; every option: gan compare --help")
    assert "\n" not in str(error.value)
    assert not given


@pytest.mark.parametrize("kind", [UserError, TrainingDiverged])
def test_arguments_are_options_in_what_a_command_says(
    monkeypatch: pytest.MonkeyPatch, kind: type[UserError]
) -> None:
    def refusing(runs: Sequence[str]) -> None:
        raise kind(f"{runs[0]} is wrong; see `by`", "at")

    monkeypatch.setitem(COMMANDS, "report", refusing)
    with pytest.raises(kind) as error:
        run_command("report", ["x"])
    assert str(error.value) == "--at x is wrong; see --by"


def test_what_is_no_mistake_of_the_users_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(runs: Sequence[str]) -> None:
        raise ZeroDivisionError

    monkeypatch.setitem(COMMANDS, "report", broken)
    with pytest.raises(ZeroDivisionError):
        run_command("report", ["x"])


@pytest.mark.parametrize("name", COMMANDS)
def test_help_says_what_folders_are_meant(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        run_command(name, ["--help"])
    said = " ".join(capsys.readouterr().out.split())
    assert said.startswith(f"usage: gan {name}")
    assert light.RUNS in said
