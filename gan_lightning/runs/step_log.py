"""Files of lines that each belong to an iteration: none twice, none torn."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gan_lightning.files import append_line, told, write_whole


class StepLog:
    """Adds lines of JSON to a file of a run.

    Args:
        run: The run's folder.
        name: The file's name.
    """

    def __init__(self, run: str | Path, name: str) -> None:
        self.path = Path(run, name)

    def add(self, step: int, *facts: Mapping[str, Any]) -> None:
        """Adds what is known after ``step`` generator updates, a line for each mapping."""
        append_line(self.path, "\n".join(json.dumps({"step": step, **fact}) for fact in facts))

    def go_on_from(self, step: int) -> None:
        """Drops what a killed run wrote of later iterations, which will come again."""
        if not self.path.exists():
            return
        lines = self.path.read_bytes().splitlines(keepends=True)
        kept = [line for line in lines if _is_until(line, step)]
        if kept != lines:
            with told(self.path):
                write_whole(self.path, b"".join(kept))


def _is_until(line: bytes, step: int) -> bool:
    """Whether a line is whole and of an iteration up to ``step``."""
    try:
        return line.endswith(b"\n") and int(json.loads(line)["step"]) <= step
    except (ValueError, KeyError, TypeError):
        return False
