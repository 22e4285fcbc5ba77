"""Runs on two processes that note what each of them saw: ``python -m tests.ddp FOLDER``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan_lightning.augmentation import DiffAugment
from gan_lightning.data import digits
from gan_lightning.draws import Draw, Own
from gan_lightning.gan import GAN, TrainingBatch
from gan_lightning.losses import auxiliary, began, wasserstein
from gan_lightning.networks import (
    AutoencoderDiscriminator,
    AuxiliaryCNNDiscriminator,
    CNNDiscriminator,
    CNNGenerator,
    ConditionalCNNGenerator,
    Generator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.normalization import bn, bssn, clip, gamma, none, refresh_, shared_gamma, wn
from gan_lightning.optim import LinearDecay
from gan_lightning.penalties import gradient_penalty, orthonormal, r1
from tests.conftest import bare_trainer

SHAPE = (1, 16, 16)
STEPS = 3


class Plain(Generator):
    """Without batch normalization, which each process would do on its own images."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__(image_shape, latent_dim=6)
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 256), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """Makes images."""
        pixels: Tensor = self.layers(z)
        return pixels.reshape(-1, *self.image_shape)


class NotingBegan(began):
    """Keeps the energies of every discriminator update."""

    def __init__(self) -> None:
        super().__init__(diversity=0.5, step=0.1)
        self.energies: list[tuple[float, float]] = []

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """Notes and judges."""
        self.energies.append((real.mean().item(), fake.mean().item()))
        return super().discriminator(real, fake)


class Noting(GAN):
    """Keeps what every iteration looks at."""

    def __init__(self, **options: Any) -> None:
        settings: dict[str, Any] = {
            "generator": Plain,
            "discriminator": lambda shape: CNNDiscriminator(shape, width=2),
            "norm": bssn(1.4),
        }
        super().__init__(SHAPE, n_dis=2, **settings | options)
        self.seen: list[tuple[Draw, Own | None]] = []

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Notes and trains."""
        images, drawing = batch.images.double(), self._loop.drawing
        draws = drawing.draws(self.global_step, images, batch.labels)
        self.seen.append((draws, drawing.own_draw(self.global_step, images)))
        super().training_step(batch, batch_idx)


CLASSES: dict[str, Any] = {
    "generator": partial(ConditionalCNNGenerator, latent_dim=6, width=2),
    "discriminator": partial(ProjectionCNNDiscriminator, width=2),
    "num_classes": 10,
}
SCHEDULES: dict[str, Any] = {
    "generator_schedule": partial(LinearDecay, end=4),
    "discriminator_schedule": partial(LinearDecay, end=5, start=1),
}
KINDS: dict[str, Callable[[], dict[str, Any]]] = {
    "plain": dict,
    "batch normalization": lambda: {
        "generator": partial(CNNGenerator, latent_dim=6, width=2),
        "norm": bn(),
    },
    "penalties": lambda: {"penalties": [gradient_penalty(), r1(), orthonormal(0.1)]},
    "clip": lambda: {"norm": clip(0.01), "objective": wasserstein()},
    "gamma over clip": lambda: {"norm": gamma(clip(0.01)), "penalties": [gradient_penalty()]},
    "norms of both": lambda: {"norm": shared_gamma(wn()), "generator_norm": bssn(1.2)},
    "classes": lambda: CLASSES,
    "auxiliary": lambda: (
        CLASSES
        | {
            "discriminator": partial(AuxiliaryCNNDiscriminator, width=2),
            "objective": auxiliary(),
        }
    ),
    "own batch": lambda: {"generator_batch_size": 5},
    "schedules": lambda: SCHEDULES,
    "augmented": lambda: {"augment": DiffAugment()},
    "began": lambda: {
        "discriminator": lambda shape: AutoencoderDiscriminator(shape, 2, 4),
        "objective": NotingBegan(),
        "norm": none(),
    },
    "all at once": lambda: (
        CLASSES
        | SCHEDULES
        | {
            "penalties": [gradient_penalty(), r1()],
            "generator_batch_size": 5,
            "augment": DiffAugment(["translation"]),
        }
    ),
}
"""What is trained, by what is special of it."""


def build(kind: str = "plain") -> Noting:
    """The same model in every process, in float64."""
    torch.manual_seed(0)
    model = Noting(**KINDS[kind]()).double()
    refresh_(model.discriminator)
    return model


def train(folder: Path, kind: str) -> tuple[int, dict[str, Any]]:
    """Trains three iterations; returns the number of this process and what it has."""
    model = build(kind)
    trainer = bare_trainer(folder, devices=2, strategy="ddp", precision="64-true", max_steps=STEPS)
    trainer.fit(model, datamodule=digits(batch_size=3))
    return trainer.global_rank, {
        "seen": model.seen,
        "state": model.state_dict(),
        "moments": [optimizer.state_dict() for optimizer in trainer.optimizers],
        "energies": getattr(model.objective, "energies", []),
    }


def main(folder: Path) -> None:
    """Trains all kinds, one after the other, and saves what this process has."""
    torch.set_num_threads(1)
    results = {}
    for kind in KINDS:
        rank, results[kind] = train(folder, kind)
    torch.save(results, folder / f"rank{rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
