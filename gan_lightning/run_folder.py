"""The names of what a run leaves in its folder, all in one place; nothing here reads or writes."""

from __future__ import annotations

from pathlib import Path

CONFIG = "config.yaml"
"""Every option of the run."""

HISTORY = "history.jsonl"
"""A line per start, resumption and end of the run: when, at which iteration, what was changed or
what ended it. Only a killed process leaves no line of its end."""

METRICS = "metrics.csv"
"""Losses and scores, a row per logged iteration."""

SCORES = "scores.jsonl"
"""Every evaluation with all that it depends on."""

OUTPUT = "output.log"
"""What a run of a study printed."""

SPECTRA = "spectra.jsonl"
"""Squared singular values of the discriminator's layers, a line per layer and look."""

LAYERS = "layers.json"
"""What the theorems say of each layer of the discriminator, for diagnostics."""

RESCALING = "rescaling.csv"
"""The study of rescaled layers: columns draw, layer, gradient, spectral."""

ADVICE = "advice.jsonl"
"""What the advisor said, a line each."""

LAST, BEST = "last.ckpt", "best.ckpt"
"""The newest checkpoint, and that of the lowest FID."""

BEST_NOTE = "best.json"
"""Iteration and score of the best checkpoint, beside it."""

TENSORBOARD = "tensorboard"
"""The folder of TensorBoard's files, if it is used."""

WANDB_ID = "wandb_id"
"""The id of the run in W&B, if it is logged there."""

LOCK, OWNER = ".lock", ".owner.json"
"""What keeps a second process out while one trains here, and which process that is."""


def checkpoint_folder(run: str | Path) -> Path:
    """Where the checkpoints of a run are."""
    return Path(run) / "checkpoints"


def kept_checkpoint(run: str | Path, step: int) -> Path:
    """The checkpoint that is kept of one iteration."""
    return checkpoint_folder(run) / f"step={step:08d}.ckpt"


def sample_folder(run: str | Path) -> Path:
    """Where the grids of samples are."""
    return Path(run) / "samples"


def sample_grid(run: str | Path, step: int, ema: bool = False) -> Path:
    """The grid of one iteration, of the generator or of its moving average."""
    return sample_folder(run) / f"{'ema_' if ema else ''}step={step:08d}.png"


def predicted_images(run: str | Path, ema: bool = False, rank: int | None = None) -> Path:
    """The npz that ``gan predict`` writes; a grid of the same name, ``.png``, lies beside it.

    Args:
        run: The run's folder.
        ema: Whether the moving average of the generator made them.
        rank: Which process made them, where there are several.
    """
    name = f"{'ema_' if ema else ''}images{'' if rank is None else f'-{rank}'}"
    return Path(run) / "predictions" / f"{name}.npz"
