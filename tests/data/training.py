"""Trainings that learn nothing and remember what they were fed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.core.optimizer import LightningOptimizer
from numpy.typing import NDArray
from torch import Tensor

from gan_lightning.data import Batch, ImageData

Seen = list[tuple[int, NDArray[np.float32], NDArray[np.int64] | None]]


class Recorder(LightningModule):
    """Trains nothing; remembers the batch of each global step."""

    def __init__(self, n_dis: int = 1, iterations_per_batch: int = 1) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.n_dis = n_dis
        self.iterations_per_batch = iterations_per_batch
        self.layer = torch.nn.Linear(1, 1)
        self.seen: Seen = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), 0.1)

    def training_step(self, batch: Batch, batch_idx: int) -> None:
        labels = None if batch.labels is None else batch.labels.numpy()
        self.seen.append((self.global_step, batch.images.numpy().copy(), labels))
        size = self.n_dis * self.trainer.datamodule.batch_size  # type: ignore[attr-defined]  # set late
        optimizer = self.optimizers()
        assert isinstance(optimizer, LightningOptimizer)
        for _ in range(len(batch.images) // size):
            optimizer.step()

    def validation_step(self, batch: Tensor, batch_idx: int) -> None:
        pass


def train(
    data: ImageData,
    max_steps: int,
    tmp_path: Path,
    module: Recorder | None = None,
    resume: bool = False,
    validate_every: int | None = None,
) -> Seen:
    """Trains from the start or from where the last call with this ``tmp_path`` ended."""
    module = module or Recorder()
    trainer = Trainer(
        accelerator="cpu",
        max_epochs=-1,
        max_steps=max_steps,
        use_distributed_sampler=False,
        check_val_every_n_epoch=None,
        val_check_interval=validate_every,
        limit_val_batches=1 if validate_every else 0,
        num_sanity_val_steps=0,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    tmp_path.mkdir(exist_ok=True)
    checkpoint = tmp_path / "last.ckpt"
    trainer.fit(module, datamodule=data, ckpt_path=checkpoint if resume else None)
    trainer.save_checkpoint(checkpoint)
    return module.seen


def assert_same(first: Seen, second: Seen) -> None:
    assert [step for step, _, _ in first] == [step for step, _, _ in second]
    for (_, images, labels), (_, others, other_labels) in zip(first, second, strict=True):
        np.testing.assert_array_equal(images, others)
        np.testing.assert_array_equal(labels, other_labels)
