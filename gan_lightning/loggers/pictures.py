"""Pictures for the loggers that show some."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from lightning.pytorch.loggers import Logger, TensorBoardLogger, WandbLogger
from PIL import Image


def log_picture(loggers: Iterable[Logger], name: str, path: Path, step: int) -> None:
    """Shows the picture of a file in W&B and TensorBoard; other loggers have numbers only.

    Args:
        loggers: Of the trainer.
        name: What the picture is of, the same at every step.
        path: A PNG file.
        step: Generator updates made so far.
    """
    for logger in loggers:
        if isinstance(logger, WandbLogger):
            logger.log_image(name, [str(path)], step=step)
        elif isinstance(logger, TensorBoardLogger):
            with Image.open(path) as picture:
                pixels = np.asarray(picture.convert("RGB"))
            logger.experiment.add_image(name, pixels, step, dataformats="HWC")
