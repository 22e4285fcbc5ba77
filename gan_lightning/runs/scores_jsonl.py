"""``scores.jsonl``: a line per evaluation, none twice, none torn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_lightning.files import append_line, told, write_whole
from gan_lightning.run_folder import SCORES


class ScoresLog:
    """Adds lines to a run's ``scores.jsonl``.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: str | Path) -> None:
        self.path = Path(run, SCORES)

    def add(self, step: int, result: Mapping[str, Any]) -> None:
        """Adds the result of an evaluation after ``step`` generator updates."""
        append_line(self.path, json.dumps({"step": step, **result}))

    def go_on_from(self, step: int) -> None:
        """Drops what a killed run wrote of later iterations, which will come again."""
        if not self.path.exists():
            return
        lines = self.path.read_text().splitlines(keepends=True)
        kept = [line for line in lines if _is_until(line, step)]
        if kept != lines:
            with told(self.path):
                write_whole(self.path, "".join(kept))


def _is_until(line: str, step: int) -> bool:
    """Whether a line is whole and of an iteration up to ``step``."""
    try:
        return line.endswith("\n") and int(json.loads(line)["step"]) <= step
    except (ValueError, KeyError, TypeError):
        return False
