"""What callbacks ask of the trainer that they are attached to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lightning.pytorch import Trainer

from gan_lightning.errors import UserError

if TYPE_CHECKING:
    from gan_lightning.data import ImageData


def is_trial(trainer: Trainer) -> bool:
    """Whether nothing of the run is to be kept: ``--trainer.fast_dev_run``."""
    return bool(trainer.fast_dev_run)  # type: ignore[attr-defined]  # set late


def is_unscored(trainer: Trainer) -> bool:
    """Whether training is asked for without scores, and so without anything that they need."""
    return trainer.limit_val_batches == 0


def has_images(trainer: Trainer) -> bool:
    """Whether the trainer has a DataModule of this project's, and so real images."""
    return hasattr(getattr(trainer, "datamodule", None), "opened")


def image_data(trainer: Trainer, purpose: str) -> ImageData:
    """The trainer's DataModule.

    Args:
        trainer: That has been given one.
        purpose: What the images are for, as the message begins: "evaluation compares with".

    Raises:
        UserError: If it has none with images.
    """
    if not has_images(trainer):
        raise UserError(
            f"{purpose} real images, but the trainer has no gan_lightning.data DataModule: give "
            "one as datamodule, or leave the callback out"
        )
    data: ImageData = trainer.datamodule  # type: ignore[attr-defined]  # set late
    return data
