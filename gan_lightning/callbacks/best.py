"""The checkpoint of the best score."""

from __future__ import annotations

import json
from pathlib import Path

from lightning.pytorch import Trainer

from gan_lightning.files import write_whole
from gan_lightning.run_folder import BEST, checkpoint_folder


class Best:
    """Keeps ``checkpoints/best.ckpt``, that of the lowest score so far, and a note of it."""

    def __init__(self) -> None:
        self._lowest = float("inf")
        self._improved: str | None = None

    def resume(self, trainer: Trainer, name: str) -> None:
        """Goes on from the lowest score of a resumed run, if that is the score of this name."""
        path = _note(trainer)
        note = json.loads(path.read_text()) if path.exists() else {}
        if note.get("name") == name:
            self._lowest = float(note["score"])

    def offer(self, name: str, score: float) -> None:
        """Takes note of a score; the checkpoint can be saved only when the validation is over."""
        if score < self._lowest:
            self._lowest, self._improved = score, name

    def save(self, trainer: Trainer) -> None:
        """Saves the checkpoint, if its score is the lowest so far; every process must call this."""
        name, self._improved = self._improved, None
        if name is None:
            return
        trainer.save_checkpoint(checkpoint_folder(trainer.default_root_dir) / BEST)
        if trainer.is_global_zero:
            note = {"step": trainer.global_step, "name": name, "score": self._lowest}
            write_whole(_note(trainer), json.dumps(note) + "\n")


def _note(trainer: Trainer) -> Path:
    return checkpoint_folder(trainer.default_root_dir) / "best.json"
