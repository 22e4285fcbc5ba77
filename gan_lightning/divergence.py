"""Notices what is not finite, without reading the device at every iteration."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from lightning.pytorch import Trainer
from torch import Tensor, nn

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


def check_state(trainer: Trainer, module: nn.Module) -> None:
    """Looks at all that a checkpoint would hold: a finite loss may have had no finite gradient.

    Under several processes all must come here at the same iteration.

    Args:
        trainer: Its optimizers are looked at as well: an infinite second moment stops learning
            without a trace in the losses.
        module: Its parameters and buffers.

    Raises:
        TrainingDiverged: A value is NaN or infinite; names the first tensor that holds one.
    """
    tensors = dict(_state(trainer, module))
    finite = torch.stack([tensor.isfinite().all() for tensor in tensors.values()])
    bad = not bool(finite.all())
    if trainer.strategy.reduce_boolean_decision(bad, all=False):
        name = list(tensors)[finite.tolist().index(False)] if bad else "weights in another process"
        where = f"{name} after iteration {trainer.global_step} are NaN or infinite"
        raise TrainingDiverged(_message(trainer, where))


def _state(trainer: Trainer, module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    """The floating-point tensors of a run, by what they are."""
    for name, weight in module.named_parameters():
        yield f"weights ({name})", weight.detach()
    for name, buffer in module.named_buffers():
        if buffer.is_floating_point():
            yield f"buffers ({name})", buffer
    names: dict[Any, str] = {parameter: name for name, parameter in module.named_parameters()}
    for optimizer in trainer.optimizers:
        for parameter, moments in optimizer.state.items():
            for key, value in moments.items():
                if isinstance(value, Tensor) and value.is_floating_point():
                    yield f"moments ({key} of {names.get(parameter, 'a parameter')})", value


def _message(trainer: Trainer, where: str) -> str:
    paths = [getattr(c, "last_model_path", "") for c in trainer.checkpoint_callbacks]
    saved = next(filter(None, paths), "none yet")
    return (
        f"the training diverged: {where}. Nothing was saved since; last good checkpoint: {saved}. "
        "Lower `discriminator_optimizer.lr` or `norm.scale`, or train in fp32"
    )
