"""A run that looks, on one process or two: ``python -m tests.callbacks.looks FOLDER WORLD``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from gan_lightning.analysis import gradient_norm, input_gradient_norm, output, spectra
from gan_lightning.callbacks import Advisor, Diagnostics
from gan_lightning.data import digits
from gan_lightning.runs.metrics_csv import MetricsCSV
from tests.conftest import bare_trainer
from tests.ddp import build


def main(folder: Path, world: int) -> None:
    """Trains two iterations of four images each, in float64, and looks before and after."""
    torch.set_num_threads(1)
    looking = Diagnostics([gradient_norm(), input_gradient_norm(), output(), spectra()], 2)
    advisor = Advisor(every_n_steps=1)
    trainer = bare_trainer(
        folder,
        devices=world,
        strategy="ddp" if world > 1 else "auto",
        precision="64-true",
        max_steps=2,
        callbacks=[looking, advisor],
        logger=MetricsCSV(folder),
    )
    trainer.fit(build(), datamodule=digits(batch_size=4 // world))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
