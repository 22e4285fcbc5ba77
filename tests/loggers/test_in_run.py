"""Loggers in the run's folder: the same again when the run goes on."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from lightning.pytorch.loggers.logger import DummyLogger

from gan_lightning.loggers import in_run
from gan_lightning.loggers.run_wandb import RunWandbLogger
from tests.conftest import ROOT, Gan, rows
from tests.loggers.events import events

TENSORBOARD = ["--config", str(ROOT / "configs" / "tensorboard.yaml")]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_goes_on_where_it_was(gan: Gan, tmp_path: Path) -> None:
    run = tmp_path / "run"
    gan(*TENSORBOARD, "--samples.every_n_steps=4")
    gan(*TENSORBOARD, "--ckpt_path=last", "--trainer.max_steps=8")
    assert {path.parent for path in run.rglob("events.out*")} == {run / "tensorboard"}
    scalars, images = events(run / "tensorboard")
    own = [(int(row["step"]), float(row["generator_loss"])) for row in rows(run)]
    assert [step for step, _ in scalars["generator_loss"]] == [step for step, _ in own]
    assert [v for _, v in scalars["generator_loss"]] == pytest.approx([v for _, v in own])
    assert [step for step, _ in scalars["digits_fid"]] == [4, 8]
    assert images["samples"] == [4, 6, 8]
    assert "hp_metric" not in scalars


def test_a_point_is_the_folder_of_the_run(gan: Gan, tmp_path: Path) -> None:
    gan(
        "--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", ".", "--trainer.logger.name=x"
    )
    assert (tmp_path / "run" / "x" / "version_0" / "metrics.csv").exists()
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert "save_dir: ." in text  # another run from this config has its own


@pytest.mark.parametrize("dot", [".", Path()])
def test_a_point_alone_means_the_run(tmp_path: Path, dot: str | Path) -> None:
    run, arguments = tmp_path / "run", {"save_dir": dot, "name": "x"}
    logger = in_run(run, CSVLogger, arguments)
    assert type(logger) is CSVLogger
    assert Path(logger.log_dir) == run / "x" / "version_0"
    assert arguments == {"save_dir": dot, "name": "x"}
    other = in_run(run, CSVLogger, {"save_dir": str(tmp_path / "mine"), "name": "x"})
    assert Path(str(other.log_dir)) == tmp_path / "mine" / "x" / "version_0"


OWN: list[tuple[dict[str, Any], str]] = [
    ({}, "run/tensorboard"),
    ({"name": "lightning_logs"}, "run/tensorboard"),
    ({"name": "mine"}, "run/mine"),
    ({"version": 7}, "run/tensorboard/version_7"),
    ({"save_dir": "{tmp}/all"}, "all/lightning_logs/run"),
    ({"save_dir": "{tmp}/all", "name": "mine"}, "all/mine/run"),
    ({"save_dir": "{tmp}/all", "name": "mine", "version": "second"}, "all/mine/second"),
]


@pytest.mark.parametrize(("arguments", "folder"), OWN, ids=lambda value: str(value))
def test_tensorboard_has_a_folder_that_is_the_same_at_every_start(
    tmp_path: Path, arguments: dict[str, Any], folder: str
) -> None:
    """Runs that share a folder of the user's are told apart by their own folders' names."""
    settings = {"save_dir": ".", **arguments}
    settings["save_dir"] = settings["save_dir"].format(tmp=tmp_path)
    for _ in range(2):
        logger = in_run(tmp_path / "run", TensorBoardLogger, settings)
        assert isinstance(logger, TensorBoardLogger)
        assert Path(logger.log_dir) == tmp_path / folder
        Path(logger.log_dir).mkdir(parents=True, exist_ok=True)


def test_the_folder_of_a_run_has_a_name_where_it_is_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    logger = in_run(Path(), TensorBoardLogger, {"save_dir": "all"})
    assert isinstance(logger, TensorBoardLogger)
    assert logger.version == tmp_path.name


class Recorded(DummyLogger):
    """Takes what W&B's logger of a run does, which is slow to import and tested by itself."""

    def __init__(self, run: Path, **arguments: Any) -> None:
        super().__init__()
        self.made_of = run, arguments


def test_wandbs_logger_is_that_of_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It finds its place, and what it is called there, by itself."""
    module = import_module("gan_lightning.loggers.in_run")  # not the function of that name
    assert module.RunWandbLogger is RunWandbLogger
    monkeypatch.setattr(module, "RunWandbLogger", Recorded)
    logger = in_run(tmp_path, WandbLogger, {"save_dir": ".", "offline": True})
    assert isinstance(logger, Recorded)
    assert logger.made_of == (tmp_path, {"save_dir": ".", "offline": True})


class Full(CSVLogger):
    """A disk of someone else's that is full."""

    def save(self) -> None:
        raise OSError("No space left on device")


def test_no_logger_of_a_run_stops_training(tmp_path: Path) -> None:
    in_run(tmp_path, Full, {"save_dir": "."}).save()
    with pytest.raises(OSError, match="No space"):
        Full(tmp_path).save()
