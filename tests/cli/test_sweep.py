"""``gan sweep``: how many runs there are, which of them are tried first, and what is refused."""

from __future__ import annotations

import itertools
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from gan_lightning.cli.commands import run_command
from gan_lightning.cli.sweep import samples, sweep, with_file_named
from gan_lightning.errors import UserError
from gan_lightning.studies.sweep_file import Sweep, read_sweep

GRID: dict[str, Any] = {
    "model.norm": {"values": ["sn", "bsn"]},
    "model.n_dis": {"values": [1, 2, 3]},
    "seed_everything": {"values": [0, 1]},
    "trainer.max_steps": {"value": 7},
}


def written(folder: Path, parameters: dict[str, Any], **more: Any) -> Path:
    """A sweep file."""
    command = ["gan", "fit", "--config", "configs/digits.yaml", "${args}"]
    content = {"program": "gan", "command": command, "method": "grid", "parameters": parameters}
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump({**content, **more}))
    return path


def study(folder: Path, parameters: dict[str, Any], **more: Any) -> Sweep:
    return read_sweep(written(folder, parameters, **more))


def test_every_combination_of_names_is_tried_and_every_number_once(tmp_path: Path) -> None:
    parameters = {**GRID, "data.flip": {"values": [True, False]}}
    found = list(samples(study(tmp_path, parameters)))
    assert all(values.keys() == parameters.keys() for values in found)
    names = {(values["model.norm"], values["data.flip"]) for values in found}
    assert names == set(itertools.product(["sn", "bsn"], [True, False]))
    for name, said in parameters.items():
        of_file = said.get("values", [said.get("value")])
        assert {values[name] for values in found} == set(of_file), name
    assert len(found) == 2 * 2 + (3 - 1) + (2 - 1)


def test_of_a_range_the_ends_are_tried(tmp_path: Path) -> None:
    scale = {"model.norm.init_args.scale": {"min": 0.5, "max": 2.0}}
    found = samples(study(tmp_path, {**GRID, **scale}, method="random", run_cap=3))
    assert {values["model.norm.init_args.scale"] for values in found} == {0.5, 2.0}


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["a.yaml"], ["--file", "a.yaml"]),
        (["--file", "a.yaml", "--workers", "2"], ["--file", "a.yaml", "--workers", "2"]),
        (["a.yaml", "--dry-run"], ["--file", "a.yaml", "--dry_run=true"]),
        (
            ["a.yaml", "--dry_run", "--prune=true"],
            ["--file", "a.yaml", "--dry_run=true", "--prune=true"],
        ),
        (["a.yaml", "--dry_run", "true"], ["--file", "a.yaml", "--dry_run", "true"]),
        (["a.yaml", "--"], ["--file", "a.yaml"]),
        (["a", "--", "--x", "a b", "--"], ["--file", "a", '--args=["--x", "a b", "--"]']),
        (["a", "--", "--dry-run"], ["--file", "a", '--args=["--dry-run"]']),
    ],
)
def test_the_file_comes_first_and_options_of_every_run_last(
    words: list[str], options: list[str]
) -> None:
    assert with_file_named(words) == options


@pytest.mark.parametrize("words", [[], ["--", "--data.root", "x"], ["--dry-run"]], ids=repr)
def test_a_sweep_without_a_file_is_told_that_it_needs_one(words: list[str]) -> None:
    assert "--file" not in with_file_named(words)
    with pytest.raises(UserError, match=r"^--file is needed"):
        run_command("sweep", words)


@pytest.mark.parametrize("argument", ["workers", "max_trials"])
@pytest.mark.parametrize("value", [0, -1])
def test_numbers_below_one_are_refused(tmp_path: Path, argument: str, value: int) -> None:
    numbers: dict[str, Any] = {argument: value}
    with pytest.raises(UserError, match=rf"^{argument} must be >= 1, got {value}$"):
        sweep(str(written(tmp_path, GRID)), dry_run=True, **numbers)


def test_a_study_without_an_end_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, GRID, method="random")
    with pytest.raises(UserError, match=r"^max_trials is needed: study .* no run_cap$"):
        sweep(str(path), dry_run=True)


@pytest.mark.runs
@pytest.mark.parametrize(
    ("more", "most", "count"),
    [
        ({}, None, 12),
        ({}, 5, 5),
        ({}, 50, 12),
        ({"run_cap": 4}, None, 4),
        ({"run_cap": 4}, 6, 4),
        ({"method": "random"}, 3, 3),
    ],
)
def test_a_dry_run_prints_so_many_commands_and_starts_none(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    more: dict[str, Any],
    most: int | None,
    count: int,
) -> None:
    path = written(tmp_path, GRID, **more)
    config = Path("configs/digits.yaml").absolute()
    path.write_text(path.read_text().replace("configs/digits.yaml", str(config)))
    monkeypatch.chdir(tmp_path)
    sweep(str(path), max_trials=most, dry_run=True, args=["--data.root=a b"])
    commands = [shlex.split(line) for line in capsys.readouterr().out.splitlines()]
    assert len(commands) == count
    for words in commands:
        assert words[:2] == ["gan", "fit"]
        assert words[-1] == "--data.root=a b"
        assert "--trainer.max_steps=7" in words
    assert [item.name for item in tmp_path.iterdir()] == [path.name]


@pytest.mark.runs
def test_a_run_that_would_be_refused_is_found_before_any_starts(tmp_path: Path) -> None:
    parameters = {**GRID, "model.norm": {"values": ["sn", "nonsense"]}}
    path = written(tmp_path, parameters)
    config = Path("configs/digits.yaml").absolute()
    path.write_text(path.read_text().replace("configs/digits.yaml", str(config)))
    with pytest.raises(UserError, match=r"study\.yaml: --model\.norm nonsense is not known"):
        sweep(str(path), dry_run=True)
