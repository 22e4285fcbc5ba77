"""Notices losses that are not finite without reading the device at every iteration."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from gan_lightning.errors import TrainingDiverged


class LossWatch:
    """Keeps the losses of the iterations since the last look, on the device."""

    def __init__(self) -> None:
        self._losses: list[Tensor] = []

    def add(self, losses: Tensor) -> None:
        """Notes the losses of one iteration, ``(2,)``: discriminator and generator."""
        self._losses.append(losses)

    def check(self, trainer: Trainer) -> None:
        """Looks at them all; the one place where training reads the device.

        Under several processes all must come here at the same iteration.

        Raises:
            TrainingDiverged: One of them is NaN or infinite.
        """
        if not self._losses:
            return
        losses = torch.stack(self._losses).cpu()
        first = trainer.global_step - len(losses) + 1
        self._losses.clear()
        bad = (~losses.isfinite()).any(dim=1)
        if trainer.strategy.reduce_boolean_decision(bool(bad.any()), all=False):
            if not bad.any():
                raise TrainingDiverged(_message(trainer, "in another process"))
            k = int(bad.int().argmax())
            discriminator, generator = losses[k].tolist()
            losses_then = f"discriminator_loss={discriminator}, generator_loss={generator}"
            raise TrainingDiverged(_message(trainer, f"iteration {first + k}, {losses_then}"))


def check_weights(trainer: Trainer, parameters: Iterable[Tensor]) -> None:
    """Looks at the weights: a finite loss may have had a gradient that is not.

    Raises:
        TrainingDiverged: A weight is NaN or infinite.
    """
    finite = torch.stack([parameter.isfinite().all() for parameter in parameters]).all()
    if not finite:
        where = f"weights after iteration {trainer.global_step} are NaN or infinite"
        raise TrainingDiverged(_message(trainer, where))


def _message(trainer: Trainer, where: str) -> str:
    paths = [getattr(c, "last_model_path", "") for c in trainer.checkpoint_callbacks]
    saved = next(filter(None, paths), "none yet")
    return (
        f"the loss is not finite: {where}. Nothing was saved since; last good checkpoint: {saved}. "
        "Lower --model.discriminator_optimizer.lr or --model.norm.scale, or train in fp32"
    )
