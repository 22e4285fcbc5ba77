"""Exponential moving average of the generator's weights."""

from __future__ import annotations

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from gan_lightning.errors import UserError
from gan_lightning.gan import GAN


class GeneratorAverage(Callback):
    """Keeps a moving average of the generator beside it, saved with each checkpoint.

    ``average <- decay * average + (1 - decay) * weights`` after each generator update, for the
    parameters and for the running statistics of batch normalization. Training does not notice.
    `Evaluation` scores the average as well, as ``ema_...``, and `SampleGrid` saves its images as
    ``ema_step=...``. A checkpoint has it under ``generator_average``; `GAN.sample` makes images
    with it. (Lightning's own would put the average in place of the trained weights at the end and
    in the checkpoints.)

    Args:
        decay: Between 0 and 1, such as 0.999; without it nothing is averaged.
        predict: Whether ``gan predict`` makes its images with the average.
    """

    def __init__(self, decay: float | None = None, predict: bool = False) -> None:
        if decay is not None and not 0 < decay < 1:
            raise UserError(f"is {decay}; allowed are numbers between 0 and 1", "decay")
        self.decay = decay
        self.predict = predict
        self.weights: dict[str, Tensor] = {}
        self._present: dict[str, Tensor] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Starts from the present weights, or goes on from those of the checkpoint."""
        assert isinstance(pl_module, GAN)
        if self.decay is None:
            pl_module.generator_average = {}
            return
        self._present = averaged(pl_module.generator)
        begin = pl_module.generator_average or self._present
        self.weights = {
            name: tensor.to(pl_module.device, torch.float32, copy=True)
            for name, tensor in begin.items()
        }
        pl_module.generator_average = self.weights
        pl_module.after_each_iteration.append(self._follow)

    @torch.no_grad()
    def _follow(self) -> None:
        """Moves the average towards the present weights."""
        assert self.decay is not None
        targets = [self._present[name].float() for name in self.weights]
        torch._foreach_lerp_(list(self.weights.values()), targets, 1 - self.decay)

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Follows no more."""
        assert isinstance(pl_module, GAN)
        if self._follow in pl_module.after_each_iteration:
            pl_module.after_each_iteration.remove(self._follow)

    def on_predict_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Chooses the average, where that is asked for."""
        assert isinstance(pl_module, GAN)
        pl_module.predicts_average = self.predict


def averaged(generator: nn.Module) -> dict[str, Tensor]:
    """What is averaged, by name: parameters and running statistics."""
    statistics = {
        f"{prefix}.{name}" if prefix else name: tensor
        for prefix, module in generator.named_modules()
        if isinstance(module, _NormBase)
        for name, tensor in module.named_buffers(recurse=False)
        if tensor.is_floating_point()
    }
    parameters = {name: tensor.detach() for name, tensor in generator.named_parameters()}
    return parameters | statistics
