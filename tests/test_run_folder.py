"""Names in a run's folder: each of one thing, and in the order of iterations."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from gan_lightning import run_folder
from gan_lightning.run_folder import (
    BEST,
    LAST,
    checkpoint_folder,
    kept_checkpoint,
    predicted_images,
    sample_folder,
    sample_grid,
)

NAMES = [value for name, value in vars(run_folder).items() if name.isupper()]
STEPS = [0, 1, 9, 10, 99, 99_999, 100_000, 99_999_999]


def test_every_name_is_of_one_thing_and_of_the_folder_itself() -> None:
    names = NAMES + [folder("").name for folder in (checkpoint_folder, sample_folder)]
    names.append(predicted_images("").parent.name)
    assert len(names) > 10
    assert len({*names}) == len(names)
    assert all(name and Path(name).name == name for name in names)


@pytest.mark.parametrize("run", ["runs/a", Path("runs/a"), "", "step=1"], ids=repr)
def test_everything_is_inside_the_run(run: str | Path) -> None:
    paths = [checkpoint_folder(run), sample_folder(run), predicted_images(run).parent]
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
    for name in (
        kept_checkpoint(tmp_path, 1),
        sample_grid(tmp_path, 1),
        predicted_images(tmp_path),
    ):
        assert not name.parent.exists()


def test_predictions_of_every_kind_and_process_have_a_name_of_their_own() -> None:
    names = [predicted_images("run", ema, rank) for ema in (False, True) for rank in (None, 0, 1)]
    assert len({*names}) == len(names)
    assert {name.parent for name in names} == {predicted_images("run").parent}
    assert [("ema" in name.name) for name in names] == [False] * 3 + [True] * 3


def spelled(source: str) -> set[str]:
    """The file names of a run that a module's source spells as words of their own.

    Not those that are a suffix elsewhere (``.lock``) or a word (``tensorboard``).
    """
    files = {name for name in NAMES if not name.isalpha() and not name.startswith(".")}
    constants = (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return files & {node.value for node in constants if isinstance(node.value, str)}


def test_only_the_run_folder_spells_its_names() -> None:
    package = Path(run_folder.__file__).parent
    for path in package.rglob("*.py"):
        if path != Path(run_folder.__file__):
            assert not spelled(path.read_text()), path


def test_a_name_spelled_elsewhere_is_seen() -> None:
    assert spelled("path = folder / 'metrics.csv'") == {"metrics.csv"}
    assert not spelled("from gan_lightning.run_folder import METRICS  # metrics.csv")
