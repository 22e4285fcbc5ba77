"""Cost of an iteration against its dimensions: ``python -m benchmarks.scaling``.

Batch size, width, image size, n_dis, and number of processes (DDP with gloo on the CPU), each
varied by itself from one small starting point; writes ``results/scaling.json``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from benchmarks.timing import Work, interleaved, save, show
from gan_lightning.draws import Draw
from gan_lightning.losses import hinge
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import bssn, normalize_
from gan_lightning.optim import GANAdam
from gan_lightning.players import Player, descend
from gan_lightning.step import iteration

START = {"batch": 8, "width": 16, "size": 32, "n_dis": 1}
AXES: dict[str, list[int]] = {
    "batch": [8, 16, 32, 64],
    "width": [16, 32, 64],
    "size": [16, 32, 64],
    "n_dis": [1, 2, 5],
}


def build(batch: int, width: int, size: int, n_dis: int) -> Work:
    """One iteration of BSSN on fixed inputs."""
    shape = (3, size, size)
    generator, discriminator = CNNGenerator(shape, width=width), CNNDiscriminator(shape, width)
    for network in (generator, discriminator):
        network.to(memory_format=torch.channels_last)
    normalize_(discriminator, bssn(1.2), torch.zeros(1, *shape))
    networks = generator, discriminator
    G, D = (Player(n, descend(GANAdam(n.parameters()))) for n in networks)
    images, latents = torch.randn(n_dis, batch, *shape), torch.randn(n_dis, batch, 128)
    draws = Draw(images, latents, torch.empty(n_dis, 0))
    return lambda: iteration(G, D, hinge(), (), draws)


def along(axis: str, rounds: int) -> dict[str, Any]:
    """Times each value of one dimension, relative to the first."""
    works = {f"{axis} {value}": build(**{**START, axis: value}) for value in AXES[axis]}
    timings = interleaved(works, next(iter(works)), rounds)
    show(f"{axis}, relative to {next(iter(works))}", timings)
    return {name: timing.row() for name, timing in timings.items()}


def processes(counts: tuple[int, ...] = (1, 2)) -> dict[str, float]:
    """Seconds of 60 more iterations of ``gan fit`` on digits, one thread a process."""
    table = {}
    for count in counts:
        with tempfile.TemporaryDirectory() as folder:
            short, long = (_fit(Path(folder, str(n)), count, n) for n in (10, 70))
        table[str(count)] = round((long - short) / 60, 5)
    print("\nseconds an iteration by processes (the same images a process): " + str(table))
    return table


def _fit(run: Path, count: int, steps: int) -> float:
    command = [sys.executable, "-m", "gan_lightning.cli", "fit", "--config", "configs/digits.yaml"]
    command += [f"--trainer.devices={count}", f"--trainer.max_steps={steps}", f"--run={run}"]
    command += ["--trainer.limit_val_batches=0"] + ["--trainer.strategy=ddp"] * (count > 1)
    start = time.perf_counter()
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    subprocess.run(command, check=True, capture_output=True, env=environment)
    return time.perf_counter() - start


def main() -> None:
    """Measures every dimension."""
    content: dict[str, Any] = {axis: along(axis, rounds=9) for axis in AXES}
    save("scaling", {**content, "processes_seconds": processes()})


if __name__ == "__main__":
    main()
