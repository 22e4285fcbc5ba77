"""Runs as one of several processes: ``python -m tests.scores.processes rank world folder``.

Each process writes what it got to ``<folder>/<rank>.json``.
"""

from __future__ import annotations

import json
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, distributed, nn

from gan_lightning.errors import UserError
from gan_lightning.networks import Generator
from gan_lightning.scores.generated import GeneratedImages
from gan_lightning.scores.kid import kid
from gan_lightning.scores.ms_ssim import ms_ssim
from gan_lightning.scores.precision_recall import precision_recall
from gan_lightning.scores.protocol import monitor
from gan_lightning.scores.samples import SampleScore
from gan_lightning.scores.scoring import Judge
from gan_lightning.scores.sources import ArrayImages
from tests.scores.small import SHAPE, projection, random_images

CPU = torch.device("cpu")
UNEVEN, EMPTY = 64 * 4 + 10, 70  # five and two blocks: for three processes 2, 2, 1 and 1, 1, 0


class TinyGenerator(Generator):
    """Linear, batch normalization, tanh; with running statistics that depend on the process."""

    def __init__(self, rank: int, broken_from: float = float("inf")) -> None:
        super().__init__(SHAPE, 4)
        rng = np.random.default_rng(0)
        self.matrix = nn.Parameter(torch.from_numpy(rng.standard_normal((4, 64)) / 2).float())
        self.norm = nn.BatchNorm1d(64)
        self.norm.running_mean = torch.full((64,), 0.1 * rank)
        self.broken_from = broken_from

    def forward(self, z: Tensor) -> Tensor:
        images: Tensor = torch.tanh(self.norm(z @ self.matrix)).unflatten(1, SHAPE)
        return images.where(z[:, :1, None, None] < self.broken_from, torch.nan)


def judge(count: int, cache: Path | None) -> Judge:
    metrics: list[SampleScore] = [kid(5, 40, count), precision_recall(3, count), ms_ssim(30, 50)]
    protocol = monitor(is_images=count, fid_generated=count - 5, fid_real=150)
    return Judge(projection(), protocol, metrics, cache)


def scores(count: int, rank: int, cache: Path | None = None) -> dict[str, float]:
    """All scores of so many generated images."""
    subject = judge(count, cache)
    subject.prepare(SHAPE)
    real = subject.statistics(random_images(200), "small", CPU)
    source = GeneratedImages(TinyGenerator(rank), count, seed=3)
    return subject.score(source, real, CPU).row()


def invalid(rank: int) -> str:
    """The message about images of which a few, of some processes, are NaN."""
    subject = judge(UNEVEN, None)
    real = subject.statistics(random_images(200), "small", CPU)
    source = GeneratedImages(TinyGenerator(rank, broken_from=2.2), UNEVEN, seed=3)
    try:
        return str(subject.score(source, real, CPU).scores)
    except UserError as error:
        return str(error)


class Unreadable(ArrayImages):
    """Images that cannot be read from the third block on."""

    def block(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        if start >= 128:
            raise UserError("the disk failed")
        return super().block(start, stop)


def unreadable() -> str:
    """The message about images that only one process finds unreadable."""
    try:
        judge(UNEVEN, None).statistics(random_images(200), "small", CPU)
        real = judge(UNEVEN, None).statistics(random_images(200), "small", CPU)
        return str(judge(190, None).score(Unreadable(random_images(190)), real, CPU).scores)
    except UserError as error:
        return str(error)


def main(rank: int, world: int, folder: Path) -> None:
    """Joins the group and does everything."""
    torch.set_num_threads(1)
    store = f"file://{folder / 'store'}"
    timeout = timedelta(seconds=60)
    distributed.init_process_group(
        "gloo", init_method=store, rank=rank, world_size=world, timeout=timeout
    )
    results = {
        "uneven": scores(UNEVEN, rank, folder / "cache"),
        "again": scores(UNEVEN, rank, folder / "cache"),
        "empty": scores(EMPTY, rank),
        "invalid": invalid(rank),
        "unreadable": unreadable(),
    }
    (folder / f"{rank}.json").write_text(json.dumps(results))
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
