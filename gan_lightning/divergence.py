"""Notices losses that are not finite without reading the device at every iteration."""

from __future__ import annotations

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
            k = int(bad.int().argmax())
            raise TrainingDiverged(_message(trainer, first + k, *losses[k].tolist()))


def _message(trainer: Trainer, iteration: int, discriminator: float, generator: float) -> str:
    saved = getattr(trainer.checkpoint_callback, "last_model_path", "") or "none yet"
    return (
        f"the loss is not finite: iteration {iteration}, discriminator_loss={discriminator}, "
        f"generator_loss={generator}. Nothing was saved since; last good checkpoint: {saved}. "
        "Lower --model.discriminator_optimizer.lr or --model.norm.scale, or train in fp32"
    )
