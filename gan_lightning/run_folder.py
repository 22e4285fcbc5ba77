"""The names of what a run leaves in its folder, all in one place; nothing here reads or writes."""

from __future__ import annotations

from pathlib import Path

CONFIG = "config.yaml"
"""Every option of the run."""

METRICS = "metrics.csv"
"""Losses and scores, a row per logged iteration."""

SCORES = "scores.jsonl"
"""Every evaluation with all that it depends on."""

LAST, BEST = "last.ckpt", "best.ckpt"
"""The newest checkpoint, and that of the lowest FID."""


def checkpoint_folder(run: str | Path) -> Path:
    """Where the checkpoints of a run are."""
    return Path(run) / "checkpoints"


def sample_folder(run: str | Path) -> Path:
    """Where the grids of samples are."""
    return Path(run) / "samples"


def prediction_folder(run: str | Path) -> Path:
    """Where the images that ``gan predict`` makes are."""
    return Path(run) / "predictions"
