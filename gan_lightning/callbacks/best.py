"""The checkpoint of the lowest score."""

from __future__ import annotations

import json
from pathlib import Path

from lightning.pytorch import Trainer

from gan_lightning.callbacks.checkpoints import save_checkpoint
from gan_lightning.distributed import on_first
from gan_lightning.files import told, write_whole
from gan_lightning.run_folder import BEST, BEST_NOTE, checkpoint_folder


class BestCheckpoint:
    """Keeps ``checkpoints/best.ckpt``, with its iteration and score in ``best.json`` beside it."""

    def __init__(self) -> None:
        self._lowest = float("inf")
        self._improved: str | None = None

    def go_on(self, trainer: Trainer, name: str) -> None:
        """Goes on from the best of a resumed run, as far as it lies before the resumption.

        A note of another score, or one that cannot be read, counts as none: the next validation
        makes a new one.

        Args:
            trainer: The trainer.
            name: The score that is compared.
        """
        best = _read(_note(trainer), name) if trainer.ckpt_path else None
        if best is not None and best[0] <= trainer.global_step:
            self._lowest = best[1]

    def offer(self, name: str, score: float) -> None:
        """Notes a score of the present weights; the lower the better.

        The checkpoint can be saved only when the validation is over.
        """
        if score < self._lowest:
            self._lowest, self._improved = score, name

    def save_if_improved(self, trainer: Trainer) -> None:
        """Saves the present weights if the last score offered was the lowest; in every process."""
        name, self._improved = self._improved, None
        if name is None:
            return
        save_checkpoint(trainer, checkpoint_folder(trainer.default_root_dir) / BEST)
        note = {"step": trainer.global_step, "name": name, "score": self._lowest}

        def write() -> None:
            with told(_note(trainer)):
                write_whole(_note(trainer), json.dumps(note) + "\n")

        on_first(write)


def _note(trainer: Trainer) -> Path:
    return checkpoint_folder(trainer.default_root_dir) / BEST_NOTE


def _read(path: Path, name: str) -> tuple[int, float] | None:
    try:
        note = json.loads(path.read_text())
        return (int(note["step"]), float(note["score"])) if note["name"] == name else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
