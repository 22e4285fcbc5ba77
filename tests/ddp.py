"""A run on two processes that notes what each of them saw: ``python -m tests.ddp FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from gan_lightning.data import digits
from gan_lightning.gan import GAN, TrainingBatch
from gan_lightning.networks import CNNDiscriminator, Generator
from gan_lightning.normalization import bssn, refresh_
from tests.conftest import bare_trainer

SHAPE = (1, 16, 16)


class Plain(Generator):
    """Without batch normalization, which each process would do on its own images."""

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__(image_shape, latent_dim=6)
        self.layers = nn.Sequential(nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 256), nn.Tanh())

    def forward(self, z: Tensor) -> Tensor:
        """Makes images."""
        pixels: Tensor = self.layers(z)
        return pixels.reshape(-1, *self.image_shape)


class Noting(GAN):
    """Keeps the images and latents of every iteration."""

    def __init__(self) -> None:
        super().__init__(
            SHAPE,
            generator=Plain,
            discriminator=lambda shape: CNNDiscriminator(shape, width=2),
            norm=bssn(1.4),
            n_dis=2,
        )
        self.seen: list[tuple[Tensor, ...]] = []

    def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
        """Notes and trains."""
        draws = self._loop.drawing.draws(self.global_step, batch.images.double(), batch.labels)
        self.seen.append(tuple(draws.tensors()))
        super().training_step(batch, batch_idx)


def build() -> Noting:
    """The same model in every process, in float64."""
    torch.manual_seed(0)
    model = Noting().double()
    refresh_(model.discriminator)
    return model


def main(folder: Path) -> None:
    """Trains three iterations and saves what this process has."""
    torch.set_num_threads(1)
    model = build()
    trainer = bare_trainer(folder, devices=2, strategy="ddp", precision="64-true", max_steps=3)
    trainer.fit(model, datamodule=digits(batch_size=3))
    result = {"seen": model.seen, "state": model.state_dict()}
    torch.save(result, folder / f"rank{trainer.global_rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
