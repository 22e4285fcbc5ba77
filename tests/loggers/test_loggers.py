"""Other loggers: in the run's folder, the same when it goes on, and never in the way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lightning.pytorch.loggers import CSVLogger
from lightning.pytorch.loggers.logger import DummyLogger

from gan_lightning.errors import UserError
from gan_lightning.loggers.forgiving import PATIENCE, forgiving
from tests.conftest import ROOT, Gan, last, rows, same

TENSORBOARD = ["--config", str(ROOT / "configs" / "tensorboard.yaml")]


def events(folder: Path) -> tuple[dict[str, list[tuple[int, float]]], dict[str, list[int]]]:
    """Scalars, and the steps of images, of all of TensorBoard's files in a folder."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = EventAccumulator(str(folder), size_guidance={"images": 0, "scalars": 0})
    found.Reload()
    tags: Any = found.Tags()
    scalars = {t: [(e.step, e.value) for e in found.Scalars(t)] for t in tags["scalars"]}
    return scalars, {t: [e.step for e in found.Images(t)] for t in tags["images"]}


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


class Broken(DummyLogger):
    """A server that answers with errors."""

    def __init__(self, error: type[Exception] = OSError) -> None:
        super().__init__()
        self.error, self.asked = error, 0

    def log_metrics(self, *args: Any, **kwargs: Any) -> None:
        self.asked += 1
        raise self.error("503 Service Unavailable")


def test_what_fails_is_told_and_asked_a_few_times(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    broken = forgiving(Broken())
    for _ in range(10):
        broken.log_metrics({"x": 1.0}, step=1)
    assert broken.asked == PATIENCE
    assert caplog.text.count("503 Service Unavailable") == PATIENCE
    assert "not asked again" in caplog.text
    with pytest.raises(UserError):
        forgiving(Broken(UserError)).log_metrics({})


def test_a_broken_logger_changes_nothing(
    gan: Gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*args: object, **kwargs: object) -> None:
        raise ConnectionError("quota")

    options = ["--trainer.limit_val_batches=0"]
    gan(*options, folder="whole")
    monkeypatch.setattr(CSVLogger, "log_metrics", fails)
    monkeypatch.setattr(CSVLogger, "save", fails)
    theirs = ["--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", "."]
    gan(*options, *theirs, folder="broken")
    assert same(last(tmp_path / "whole")["state_dict"], last(tmp_path / "broken")["state_dict"])


def test_a_point_is_the_folder_of_the_run(gan: Gan, tmp_path: Path) -> None:
    gan(
        "--trainer.logger", "CSVLogger", "--trainer.logger.save_dir", ".", "--trainer.logger.name=x"
    )
    assert (tmp_path / "run" / "x" / "version_0" / "metrics.csv").exists()
    text = (tmp_path / "run" / "config.yaml").read_text()
    assert "save_dir: ." in text  # another run from this config has its own
