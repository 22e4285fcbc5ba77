"""``scores.jsonl``: every evaluation with all that it depends on, a line each."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_lightning.files import write_whole
from gan_lightning.run_folder import SCORES
from gan_lightning.scores.record import Result


class ScoreLog:
    """The scores of one run.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: str | Path) -> None:
        self.path = Path(run, SCORES)

    def append(self, step: int, results: Sequence[Result]) -> None:
        """Adds a line per result; a step evaluated again gets another line."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a") as file:
            for result in results:
                file.write(json.dumps({"step": step, **result.to_dict()}) + "\n")

    def forget_after(self, step: int) -> None:
        """Drops what a killed run wrote after the checkpoint that it goes on from."""
        if not self.path.exists():
            return
        lines = self.path.read_text().splitlines()
        kept = [line for line in lines if 0 <= _step(line) <= step]
        if kept != lines:
            write_whole(self.path, "".join(f"{line}\n" for line in kept))


def _step(line: str) -> int:
    """The step of a line, -1 of one that a kill cut short."""
    try:
        content: dict[str, Any] = json.loads(line)
        return int(content["step"])
    except (ValueError, KeyError, TypeError):
        return -1
