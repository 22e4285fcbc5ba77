"""A rehearsal parses what a run would, and does nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gan_lightning.cli.rehearsal import rehearse
from gan_lightning.errors import UserError
from gan_lightning.studies.commands import words
from gan_lightning.studies.sweep_file import read_sweep
from tests.conftest import ROOT

FIT = ["fit", "--data=digits", "--data.root=nowhere"]


@pytest.fixture(autouse=True)
def _at_root(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


@pytest.mark.runs
def test_nothing_is_built_seeded_or_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    before = torch.get_rng_state()
    rehearse([FIT, [*FIT, "--model.norm=ssn", "--model.norm.scale=2"]])
    assert torch.equal(torch.get_rng_state(), before)
    assert not list(tmp_path.iterdir())


def test_no_command_is_no_mistake() -> None:
    rehearse([])


@pytest.mark.runs
@pytest.mark.parametrize("place", [0, 1])
@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--model.n_diss=2"], r"^--model\.n_diss is not an option; did you mean --model\.n_dis"),
        (["--model.seed=2"], r"^--model\.seed is not an option of its own"),
        (["--trainer.max_steps=-1"], r"^--trainer\.max_steps -1 is not allowed"),
        (["--seed_everything=-1"], r"^--seed_everything -1 is not allowed"),
    ],
)
def test_whatever_would_be_refused_is_found_in_any_of_them(
    place: int, wrong: list[str], said: str
) -> None:
    commands = [FIT, FIT]
    commands[place] = [*FIT, *wrong]
    with pytest.raises(UserError, match=said):
        rehearse(commands)


@pytest.mark.runs
def test_a_run_that_would_be_refused_is_found() -> None:
    sweep = read_sweep(ROOT / "sweeps" / "digits.yaml")
    commands = [words(sweep.command, values)[1:] for values in list(sweep.grid())[:1]]
    with pytest.raises(UserError, match=r"--model\.nrom is not an option"):
        rehearse([*commands, [*commands[0], "--model.nrom=sn"]])
