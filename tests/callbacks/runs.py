"""Small runs for the tests of this room, on one process or, as a script, on two.

``python -m tests.callbacks.runs folder`` trains on two processes.
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor
from torch.optim import Adam

from gan_lightning import trainer_defaults
from gan_lightning.callbacks import Checkpoints
from gan_lightning.callbacks.evaluation import Evaluation
from gan_lightning.data import digits as digits_data
from gan_lightning.extractors.digits import digits
from gan_lightning.gan import GAN
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.runs.metrics_csv import MetricsCSV
from gan_lightning.scores.protocol import monitor

SHAPE = (1, 16, 16)
PROTOCOL = monitor(is_images=150, fid_generated=150, fid_real=1000)


def gan(seed: int = 0) -> GAN:
    """A small GAN, always the same but for what it draws."""
    torch.manual_seed(0)
    adam = partial(Adam, lr=2e-2, betas=(0.5, 0.999))
    return GAN(
        SHAPE,
        partial(CNNGenerator, latent_dim=8, width=4),
        partial(CNNDiscriminator, width=2),
        generator_optimizer=adam,
        discriminator_optimizer=adam,
        seed=seed,
    )


def trainer(folder: Path, callbacks: list[Callback], **kwargs: Any) -> Trainer:
    """A trainer of six updates that validates after every two."""
    settings: dict[str, Any] = {
        "accelerator": "cpu",
        "max_steps": 6,
        "val_check_interval": 2,
        "log_every_n_steps": 1,
        "enable_progress_bar": False,
    }
    return Trainer(
        default_root_dir=folder,
        logger=MetricsCSV(folder),
        callbacks=[Checkpoints(every_n_steps=2), *callbacks],
        **trainer_defaults(**{**settings, **kwargs}),
    )


def data(folder: Path) -> digits_data:
    """The digits, eight at a time."""
    return digits_data(root=str(folder / "data"), batch_size=8)


def fit(
    folder: Path,
    callbacks: list[Callback],
    ckpt_path: Path | None = None,
    **kwargs: Any,
) -> dict[str, Tensor]:
    """Trains and returns all weights and buffers."""
    module = gan()
    trainer(folder, callbacks, **kwargs).fit(module, data(folder), ckpt_path=ckpt_path)
    return module.state_dict()


def evaluation(**kwargs: Any) -> Evaluation:
    """An evaluation that takes no time."""
    return Evaluation(digits(), PROTOCOL, **kwargs)


if __name__ == "__main__":
    torch.set_num_threads(1)
    fit(Path(sys.argv[1]), [evaluation()], devices=2, strategy="ddp", max_steps=4)
