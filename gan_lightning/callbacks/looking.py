"""What diagnostics look at during training: a batch of their own, addressed by the iteration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from gan_lightning.analysis import View
from gan_lightning.callbacks.trainer_state import image_data
from gan_lightning.data.loading import Batch, Pixels, to_batch
from gan_lightning.distributed import average_
from gan_lightning.draws import Draw
from gan_lightning.gan import GAN
from gan_lightning.streams import stream

if TYPE_CHECKING:
    from gan_lightning.data.base import Split

PURPOSE = "diagnostics look at"
"""What they need real images for, as the message begins where there are none."""

APART = 2**32
"""Added to the seed of a run, which is smaller: other numbers than any that training draws."""


def view_of(gan: GAN, trainer: Trainer, step: int) -> View:
    """What there is to look at after ``step`` generator updates.

    The images and latents are a function of (seed, step): no training batch is waited for, nothing
    that training draws is drawn. Several processes look at as many images as they train on, each
    at its part of the same batch.

    Args:
        gan: In training.
        trainer: Its trainer, with a DataModule.
        step: Generator updates made so far.
    """
    return View(
        gan.generator,
        gan.player,
        gan.objective,
        gan.penalties,
        lambda: _draw(gan, trainer, step),
        lambda: _held_out(gan, trainer, step),
        gan.view,
    )


def numbers(scalars: Mapping[str, Tensor], device: torch.device) -> dict[str, float]:
    """Scalars in one read of the device, averaged over the processes.

    Args:
        scalars: By name.
        device: Where processes exchange tensors.
    """
    kind = torch.float32 if device.type == "mps" else torch.float64
    values = torch.stack([value.detach().to(device, kind) for value in scalars.values()])
    average_([values])
    return dict(zip(scalars, values.tolist(), strict=True))


def _draw(gan: GAN, trainer: Trainer, step: int) -> Draw:
    real, mine = _real(gan, trainer, "train", step)
    drawing = replace(gan.drawing, n_dis=1, seed=gan.seed + APART, rank=0, mixed=True)
    return drawing.draws(step, real.images, real.labels).map(lambda tensor: tensor[0][mine])


def _held_out(gan: GAN, trainer: Trainer, step: int) -> Draw | None:
    data = image_data(trainer, PURPOSE)
    if "test" not in data.splits or not data.belongs_on_disk("test"):
        return None
    real, mine = _real(gan, trainer, "test", step)
    labels = () if real.labels is None or not gan.is_conditional else (real.labels[mine],)
    nothing = real.images.new_empty(0)
    return Draw(real.images[mine], nothing, nothing, labels)


def _real(gan: GAN, trainer: Trainer, split: Split, step: int) -> tuple[Batch, slice]:
    """A batch for all processes together, and which of it is this one's."""
    data = image_data(trainer, PURPOSE)
    n, prepared = data.batch_size, data.opened(split)
    rng = stream(gan.seed + APART, f"{split} images", step)
    index = rng.integers(0, len(prepared.images), n * trainer.world_size)
    labels = None if prepared.labels is None else torch.from_numpy(prepared.labels[index])
    pixels = Pixels(torch.from_numpy(prepared.rows(index)), labels, None)
    images, labels = to_batch(pixels, data.value_range)
    some = next(gan.discriminator.parameters())
    batch = Batch(images.to(some), None if labels is None else labels.to(some.device))
    return batch, slice(trainer.global_rank * n, (trainer.global_rank + 1) * n)
