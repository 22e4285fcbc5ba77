"""What callbacks ask of their trainer."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch import LightningDataModule, Trainer

from gan_lightning.callbacks.trainer_state import has_images, image_data, is_trial, is_unscored
from gan_lightning.data import digits
from gan_lightning.defaults import trainer_defaults
from gan_lightning.errors import UserError


def trainer(folder: Path, data: LightningDataModule | None = None, **options: object) -> Trainer:
    """A trainer as it is when its callbacks are asked, with data attached."""
    made = Trainer(
        **trainer_defaults(accelerator="cpu", default_root_dir=folder, logger=False, **options)
    )
    made.datamodule = data  # type: ignore[attr-defined]  # as Trainer.fit sets it
    return made


@pytest.mark.parametrize(("runs", "trial"), [(False, False), (True, True), (3, True)])
def test_a_development_run_is_a_trial(tmp_path: Path, runs: bool | int, trial: bool) -> None:
    assert is_trial(trainer(tmp_path, fast_dev_run=runs)) is trial


@pytest.mark.parametrize(("limit", "unscored"), [(0, True), (1, False), (1.0, False)])
def test_without_validation_nothing_is_scored(tmp_path: Path, limit: float, unscored: bool) -> None:
    assert is_unscored(trainer(tmp_path, limit_val_batches=limit)) is unscored


def test_the_data_module_is_the_one_attached(tmp_path: Path) -> None:
    data = digits()
    attached = trainer(tmp_path, data)
    assert has_images(attached)
    assert image_data(attached, "a test looks at") is data


@pytest.mark.parametrize("data", [None, LightningDataModule()], ids=["none", "a stranger's"])
def test_without_images_the_message_says_who_needs_them(
    tmp_path: Path, data: LightningDataModule | None
) -> None:
    bare = trainer(tmp_path, data)
    assert not has_images(bare)
    with pytest.raises(UserError, match=r"^a test looks at real images, .* leave the callback out"):
        image_data(bare, "a test looks at")
