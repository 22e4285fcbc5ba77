"""Signs of a training that goes wrong for other reasons than gradients of the weights."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from gan_lightning.draws import Draw
from gan_lightning.losses import Objective
from gan_lightning.players import Player
from gan_lightning.step import judged


def slopes(
    discriminator: Player, objective: Objective, draw: Draw, fake: Tensor
) -> tuple[Tensor, Tensor]:
    """Sums of |dL / dD(x)| over real and over generated images, L the objective's loss of D.

    For a loss that is a mean over images: the mean steepness, 1 for the Wasserstein loss. Of an
    output of several tensors, the first counts.

    Args:
        discriminator: Judges.
        objective: The losses; moves its state, if it has any.
        draw: What is looked at.
        fake: The generated images.
    """
    with torch.no_grad():
        outputs = judged(discriminator, draw, fake)
    leaves = [_first(output).detach().requires_grad_() for output in outputs]
    given = [_with_first(output, leaf) for output, leaf in zip(outputs, leaves, strict=True)]
    loss = objective.discriminator(*given)
    found = torch.autograd.grad(loss, leaves, allow_unused=True)
    real, made = (loss.new_zeros(()) if g is None else g.abs().sum() for g in found)
    return real, made


def diversity_of(images: Tensor) -> Tensor:
    """The root of the mean, over pixels, of the variance over images ``(N, C, H, W)``."""
    wide = torch.promote_types(images.dtype, torch.float32)
    return images.to(wide).var(0, correction=0).mean().sqrt()


def _first(output: Any) -> Tensor:  # noqa: ANN401  (a tensor or a NamedTuple of tensors)
    tensor: Tensor = output if isinstance(output, Tensor) else output[0]
    return tensor


def _with_first(output: Any, first: Tensor) -> Any:  # noqa: ANN401  (the same)
    return first if isinstance(output, Tensor) else output._make((first, *output[1:]))
