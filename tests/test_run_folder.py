"""Names in a run's folder: each of one thing, and in the order of iterations."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning import run_folder
from gan_lightning.run_folder import (
    BEST,
    LAST,
    checkpoint_folder,
    kept_checkpoint,
    prediction_folder,
    sample_folder,
    sample_grid,
)

NAMES = [value for name, value in vars(run_folder).items() if name.isupper()]
STEPS = [0, 1, 9, 10, 99, 99_999, 100_000, 99_999_999]


def test_every_name_is_of_one_thing_and_of_the_folder_itself() -> None:
    names = NAMES + [folder("").name for folder in (checkpoint_folder, sample_folder)]
    names.append(prediction_folder("").name)
    assert len(names) > 10
    assert len({*names}) == len(names)
    assert all(name and Path(name).name == name for name in names)


@pytest.mark.parametrize("run", ["runs/a", Path("runs/a"), "", "step=1"], ids=repr)
def test_everything_is_inside_the_run(run: str | Path) -> None:
    paths = [checkpoint_folder(run), sample_folder(run), prediction_folder(run)]
    paths += [kept_checkpoint(run, 3), sample_grid(run, 3), sample_grid(run, 3, ema=True)]
    assert len({*paths}) == len(paths)
    for path in paths:
        assert path.is_relative_to(run)
        assert path != Path(run)


def test_kept_checkpoints_and_grids_are_where_their_folders_are() -> None:
    assert kept_checkpoint("run", 7).parent == checkpoint_folder("run")
    assert sample_grid("run", 7).parent == sample_folder("run")
    assert sample_grid("run", 7, ema=True).parent == sample_folder("run")


def test_a_grid_of_the_moving_average_says_so() -> None:
    assert "ema" in sample_grid("run", 7, ema=True).name
    assert "ema" not in sample_grid("run", 7).name


def test_names_are_in_the_order_of_iterations() -> None:
    """A listing of the folder is the course of the run."""
    for of_step in (
        kept_checkpoint,
        sample_grid,
        lambda run, step: sample_grid(run, step, ema=True),
    ):
        names = [of_step("run", step).name for step in STEPS]
        assert names == sorted(names)
        assert len({*names}) == len(STEPS)
        assert [int(name.partition("=")[2].partition(".")[0]) for name in names] == STEPS


def test_a_kept_checkpoint_is_neither_the_last_nor_the_best() -> None:
    kept = {kept_checkpoint("run", step).name for step in STEPS}
    assert not kept & {LAST, BEST}
    assert {Path(name).suffix for name in (LAST, BEST, *kept)} == {".ckpt"}


def test_naming_makes_nothing(tmp_path: Path) -> None:
    for name in (kept_checkpoint(tmp_path, 1), sample_grid(tmp_path, 1)):
        assert not name.parent.exists()
