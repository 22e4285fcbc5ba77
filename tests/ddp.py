"""Runs on two processes that note what each of them saw: ``python -m tests.ddp FOLDER [began]``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from gan_lightning.data import digits
from gan_lightning.gan import GAN, TrainingBatch
from gan_lightning.losses import began
from gan_lightning.networks import AutoencoderDiscriminator, CNNDiscriminator, Generator
from gan_lightning.normalization import bssn, none, refresh_
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
            "discriminator": lambda shape: CNNDiscriminator(shape, width=2),
            "norm": bssn(1.4),
        }
        super().__init__(SHAPE, generator=Plain, n_dis=2, **settings | options)
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


def build_began() -> Noting:
    """An autoencoder, and an objective with state."""
    torch.manual_seed(0)
    model = Noting(
        discriminator=lambda shape: AutoencoderDiscriminator(shape, 2, 4),
        objective=NotingBegan(),
        norm=none(),
    )
    return model.double()


def main(folder: Path, method: str) -> None:
    """Trains three iterations and saves what this process has."""
    torch.set_num_threads(1)
    model = build_began() if method == "began" else build()
    trainer = bare_trainer(folder, devices=2, strategy="ddp", precision="64-true", max_steps=3)
    trainer.fit(model, datamodule=digits(batch_size=3))
    energies = getattr(model.objective, "energies", [])
    result = {"seen": model.seen, "state": model.state_dict(), "energies": energies}
    torch.save(result, folder / f"rank{trainer.global_rank}.pt")


if __name__ == "__main__":
    main(Path(sys.argv[1]), *(sys.argv[2:] or [""]))
