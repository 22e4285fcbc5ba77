"""What diagnostics look at during training: a batch of their own, addressed by the iteration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from lightning.pytorch import Trainer
from torch import Tensor

from gan_lightning.analysis import View
from gan_lightning.data.loading import Batch, Pixels, to_batch
from gan_lightning.distributed import average_
from gan_lightning.draws import Draw
from gan_lightning.errors import UserError
from gan_lightning.gan import GAN
from gan_lightning.streams import stream

if TYPE_CHECKING:
    from gan_lightning.data import ImageData
    from gan_lightning.data.base import Split


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
    )


def has_images(trainer: Trainer) -> bool:
    """Whether there are real images to look at."""
    return hasattr(getattr(trainer, "datamodule", None), "opened")


def image_data(trainer: Trainer) -> ImageData:
    """The trainer's DataModule.

    Raises:
        UserError: If it has none with images.
    """
    if not has_images(trainer):
        raise UserError(
            "diagnostics look at real images, but the trainer has no gan_lightning.data "
            "DataModule: give one as datamodule, or leave the callback out"
        )
    data: ImageData = trainer.datamodule  # type: ignore[attr-defined]  # set late
    return data


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
    total, mine = _parts(trainer)
    real = _real(gan, trainer, "train", step)
    latents = gan.generator.latents(total, stream(gan.seed, "diagnostic latents", step))
    mix = torch.from_numpy(stream(gan.seed, "diagnostic mix", step).random(total))
    labels: tuple[Tensor, ...] = ()
    if (known := gan.generator.num_classes) is not None:
        drawn = stream(gan.seed, "diagnostic labels", step).integers(0, known, total)
        labels = (torch.from_numpy(drawn)[mine].to(gan.device),)
    return Draw(
        real.images,
        latents[mine].to(real.images),
        mix[mine].to(real.images),
        _labels(gan, real),
        labels,
    )


def _held_out(gan: GAN, trainer: Trainer, step: int) -> Draw | None:
    data = image_data(trainer)
    if "test" not in data.splits or not data.belongs_on_disk("test"):
        return None
    real = _real(gan, trainer, "test", step)
    nothing = real.images.new_empty(0)
    return Draw(real.images, nothing, nothing, _labels(gan, real))


def _labels(gan: GAN, real: Batch) -> tuple[Tensor, ...]:
    return () if real.labels is None or not gan.is_conditional else (real.labels,)


def _parts(trainer: Trainer) -> tuple[int, slice]:
    """How many images all processes look at, and which are this one's."""
    n, rank = image_data(trainer).batch_size, trainer.global_rank
    return n * trainer.world_size, slice(rank * n, (rank + 1) * n)


def _real(gan: GAN, trainer: Trainer, split: Split, step: int) -> Batch:
    data = image_data(trainer)
    prepared = data.opened(split)
    total, mine = _parts(trainer)
    rng = stream(gan.seed, f"diagnostic {split} images", step)
    index = rng.integers(0, len(prepared.images), total)[mine]
    labels = None if prepared.labels is None else torch.from_numpy(prepared.labels[index])
    pixels = Pixels(torch.from_numpy(prepared.rows(index)), labels, None)
    images, labels = to_batch(pixels, data.value_range)
    some = next(gan.parameters())
    return Batch(images.to(some), None if labels is None else labels.to(gan.device))
