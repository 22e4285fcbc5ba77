"""Pictures go to the loggers that show some, pixel by pixel, and to no other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from PIL import Image

from gan_lightning.loggers import log_picture
from tests.loggers.events import events, pictures

PIXELS = np.random.default_rng(0).integers(256, size=(4, 6, 3), dtype=np.uint8)


class Wandb(WandbLogger):
    """W&B's logger, which notes what it would send."""

    def __init__(self) -> None:
        self.shown: list[tuple[str, list[Any], int | None]] = []

    def log_image(
        self, key: str, images: list[Any], step: int | None = None, **kwargs: Any
    ) -> None:
        self.shown.append((key, images, step))


def picture(folder: Path, mode: str = "RGB") -> Path:
    path = folder / "grid.png"
    Image.fromarray(PIXELS).convert(mode).save(path)
    return path


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # in TensorBoard
@pytest.mark.parametrize("mode", ["RGB", "L", "P"])
def test_tensorboard_shows_the_pixels_of_the_file(tmp_path: Path, mode: str) -> None:
    """Of grey files and of those with a palette, too."""
    path = picture(tmp_path, mode)
    logger = TensorBoardLogger(tmp_path / "logs")
    for step in (4, 8):
        log_picture([logger], "samples", path, step)
    logger.experiment.flush()
    _, steps = events(Path(logger.log_dir))
    assert steps == {"samples": [4, 8]}
    expected = np.asarray(Image.open(path).convert("RGB"))
    for shown in pictures(Path(logger.log_dir), "samples"):
        np.testing.assert_array_equal(shown, expected)


def test_wandb_is_given_the_file(tmp_path: Path) -> None:
    logger = Wandb()
    log_picture([logger], "ema_samples", picture(tmp_path), 12)
    assert logger.shown == [("ema_samples", [str(tmp_path / "grid.png")], 12)]


def test_each_logger_that_shows_pictures_is_given_one(tmp_path: Path) -> None:
    loggers = [Wandb(), CSVLogger(tmp_path), Wandb()]
    log_picture(loggers, "samples", picture(tmp_path), 1)
    assert [len(logger.shown) for logger in loggers if isinstance(logger, Wandb)] == [1, 1]
    assert list(tmp_path.iterdir()) == [tmp_path / "grid.png"]


def test_without_such_a_logger_the_file_is_not_even_read(tmp_path: Path) -> None:
    log_picture([], "samples", tmp_path / "absent.png", 1)
    log_picture([CSVLogger(tmp_path)], "samples", tmp_path / "absent.png", 1)
    with pytest.raises(FileNotFoundError):
        log_picture([TensorBoardLogger(tmp_path)], "samples", tmp_path / "absent.png", 1)
