"""What Lightning, data and logging add to the bare step."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from benchmarks.timing import Timing
from gan_lightning.callbacks import Checkpoints, Progress
from gan_lightning.data import digits
from gan_lightning.data.base import Split
from gan_lightning.data.prepared import Prepared
from gan_lightning.defaults import trainer_defaults
from gan_lightning.draws import Draw
from gan_lightning.gan import GAN
from gan_lightning.losses import hinge
from gan_lightning.normalization import bssn
from gan_lightning.optim import GANAdam
from gan_lightning.players import Player, descend
from gan_lightning.runs.metrics_csv import MetricsCSV
from gan_lightning.step import iteration


class noise(digits):  # noqa: N801  (as the project's datasets)
    """2,000 random images of CIFAR10's size."""

    image_shape = (3, 32, 32)

    def load(self, split: Split) -> Prepared:
        """Makes the array in memory."""
        images = np.random.default_rng(0).integers(0, 256, (2_000, 32, 32, 3), dtype=np.uint8)
        return Prepared(images, None, "noise")


class Clock(Callback):
    """Notes when each training step began."""

    def __init__(self) -> None:
        self.ticks: list[float] = []

    def on_train_batch_start(self, *args: Any, **kwargs: Any) -> None:
        """Notes the time."""
        self.ticks.append(time.perf_counter())

    def median(self) -> float:
        """Seconds between two beginnings, without the first ones."""
        return statistics.median(np.diff(self.ticks[2:]).tolist())


def fitted(model: LightningModule, batch: int, steps: int) -> float:
    """Seconds of one iteration inside ``gan fit``, as its command line sets it up."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        settings = trainer_defaults(
            accelerator="cpu",
            max_steps=steps,
            callbacks=[clock, Checkpoints(every_n_steps=0), Progress()],
            logger=MetricsCSV(Path(folder)),
            log_every_n_steps=min(50, steps),
            limit_val_batches=0,
            default_root_dir=folder,
        )
        trainer = Trainer(**settings)
        trainer.fit(model, datamodule=noise(batch_size=batch))
    return clock.median()


def bare(batch: int, steps: int) -> float:
    """Seconds of one iteration of the same step in a plain loop on fixed inputs."""
    model = GAN((3, 32, 32), norm=bssn(1.2))
    networks = model.generator, model.discriminator
    G, D = (Player(n, descend(GANAdam(n.parameters()))) for n in networks)
    D.refresh_()
    images = torch.randn(batch, 3, 32, 32).contiguous(memory_format=torch.channels_last)[None]
    draws = Draw(images, torch.randn(1, batch, 128), torch.empty(1, 0))
    times = []
    for _ in range(steps):
        start = time.perf_counter()
        iteration(G, D, hinge(), (), draws)
        times.append(time.perf_counter() - start)
    return statistics.median(times[2:])


class Nothing(GAN):
    """Does all that `GAN` does but the mathematics."""

    def on_train_start(self) -> None:
        """Replaces the mathematics."""
        super().on_train_start()
        self._loop._iterate = _nothing


class Drawn(Nothing):
    """Does not even draw latents: 8,192 normal numbers, which any loop draws in its own way."""

    def on_train_start(self) -> None:
        """Draws once for all iterations."""
        super().on_train_start()
        draws = self._loop.drawing.draws(0, torch.zeros(64, 3, 32, 32), None)
        # Ignored below: it has the two methods that are called.
        self._loop.drawing = _Fixed(draws)  # type: ignore[assignment]


class _Fixed:
    """In place of `Drawing`."""

    def __init__(self, fixed: Draw) -> None:
        self._fixed = fixed

    def draws(self, iteration: int, images: Tensor, labels: object) -> Draw:
        return self._fixed._replace(images=images[None])

    def own_draw(self, iteration: int, like: Tensor) -> None:
        return None


def _nothing(draws: Draw, own: object) -> Tensor:
    return torch.zeros(2)


class Minimal(LightningModule):
    """The least that a module with manual optimization and this data can do."""

    n_dis = 1

    def __init__(self) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.layer = torch.nn.Linear(1, 1)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """One optimizer that never does anything."""
        return torch.optim.SGD(self.parameters(), lr=0.0)

    def training_step(self, batch: object, batch_idx: int) -> None:
        """Counts a step."""
        optimizer = self.optimizers()
        assert not isinstance(optimizer, list)
        optimizer.step()


class MinimalDrawing(Minimal):
    """The least that also draws the latents of a batch."""

    def training_step(self, batch: object, batch_idx: int) -> None:
        """Draws in torch's way, and counts."""
        torch.randn(64, 128)
        super().training_step(batch, batch_idx)


NO_OPS: dict[str, Callable[[], LightningModule]] = {
    "Lightning's least module": Minimal,
    "the least that draws latents": MinimalDrawing,
    "no-op step": lambda: Nothing((3, 32, 32), cuda_graph="off"),
    "no-op step, its latents drawn before": lambda: Drawn((3, 32, 32), cuda_graph="off"),
}


def no_ops(rounds: int) -> dict[str, Any]:
    """What a step costs that does no mathematics: all variants in turn, as `interleaved` does."""
    times: dict[str, list[float]] = {name: [] for name in NO_OPS}
    for _ in range(rounds):
        for name, make in NO_OPS.items():
            times[name].append(fitted(make(), 64, 300))
    base = times["Lightning's least module"]
    rows = {}
    for name, own in times.items():
        ratios = [a / b for a, b in zip(own, base, strict=True)]
        low, middle, high = statistics.quantiles(ratios, n=4)
        rows[name] = Timing(statistics.median(own), middle, (low, high)).row()
    return rows


def measure(rounds: int) -> dict[str, Any]:
    """Ratios of whole runs to bare loops, taken in turn."""
    pairs = []
    for _ in range(max(2, rounds // 5)):
        whole = fitted(GAN((3, 32, 32), norm=bssn(1.2), cuda_graph="off"), 64, 8)
        pairs.append(whole / bare(64, 8))
    result: dict[str, Any] = {
        "fit_over_bare_batch_64": round(statistics.median(pairs), 4),
        "no_op": no_ops(max(2, rounds)),
    }
    print(f"\nend to end: gan fit over the bare loop {result['fit_over_bare_batch_64']}")
    for name, row in result["no_op"].items():
        print(f"  {name:38s} {row['seconds'] * 1e3:.3f} ms   {row['ratio']:.3f} {row['quartiles']}")
    return result
