"""GANs of a few weights, and a few images in memory for them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningDataModule
from torch import Tensor

from gan_lightning import GAN
from gan_lightning.data import Batch
from gan_lightning.data.loading import Elements
from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.normalization import none
from tests.conftest import bare_trainer
from tests.networks.made import lively

SHAPE = (1, 8, 8)
CLASSES = 3


def small(**options: Any) -> GAN:
    """Always the same."""
    networks = {
        "generator": partial(CNNGenerator, latent_dim=3, width=1),
        "discriminator": partial(CNNDiscriminator, width=1),
    }
    torch.manual_seed(0)
    return GAN(SHAPE, **{**networks, **options})


def conditional(**options: Any) -> GAN:
    """One whose networks take classes."""
    networks = {
        "generator": partial(ConditionalCNNGenerator, latent_dim=3, width=1),
        "discriminator": partial(ProjectionCNNDiscriminator, width=1),
    }
    return small(**{**networks, "num_classes": CLASSES, **options})


def still(**options: Any) -> GAN:
    """A GAN that training leaves as it is, so that its losses are those of its first weights."""
    sgd = partial(torch.optim.SGD, lr=0.0)
    return small(generator_optimizer=sgd, discriminator_optimizer=sgd, norm=none(), **options)


def vivid(model: GAN) -> GAN:
    """The same with a generator of large weights, whose images show something."""
    lively(model.generator, size=3)
    return model


class Few(LightningDataModule):
    """Training steps of images from memory, and numbers of images to predict.

    Args:
        steps: Training steps that there are images for.
        images: Images of one of them.
        predicted: The batches of numbers.
        predict_classes: As an `ImageData` has them.
    """

    value_range = (-1.0, 1.0)

    def __init__(
        self,
        steps: int = 0,
        images: int = 2,
        predicted: Sequence[Sequence[int]] = (),
        predict_classes: list[int] | None = None,
    ) -> None:
        super().__init__()
        some = torch.Generator().manual_seed(0)
        self.batches = [
            Batch(
                torch.rand(images, *SHAPE, generator=some) * 2 - 1,
                torch.randint(CLASSES, (images,), generator=some),
            )
            for _ in range(steps)
        ]
        self.predicted = [torch.tensor(numbers) for numbers in predicted]
        self.predict_classes = predict_classes

    def train_dataloader(self) -> Elements[Batch]:
        """The steps."""
        return Elements(self.batches)

    def val_dataloader(self) -> Elements[Tensor]:
        """One element: a validation is one event."""
        return Elements([torch.zeros(1)])

    def predict_dataloader(self) -> Elements[Tensor]:
        """The numbers."""
        return Elements(self.predicted)


def trained(model: GAN, folder: Path, steps: int, data: Few | None = None, **options: Any) -> GAN:
    """The module after so many iterations, of two images each unless other data are given."""
    trainer = bare_trainer(folder, **{"max_steps": steps, "limit_val_batches": 0, **options})
    trainer.fit(model, datamodule=data or Few(steps))
    return model


def joined(data: Few, steps: int) -> Few:
    """The same images and labels, those of several training steps in one."""
    batches, data.batches = data.batches, []
    for start in range(0, len(batches), steps):
        images, labels = zip(*batches[start : start + steps], strict=True)
        data.batches.append(Batch(torch.cat(images), torch.cat(labels)))
    return data
