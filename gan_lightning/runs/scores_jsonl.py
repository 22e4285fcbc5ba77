"""``scores.jsonl``: a line per evaluation, none twice, none torn."""

from __future__ import annotations

from pathlib import Path

from gan_lightning.run_folder import SCORES
from gan_lightning.runs.step_log import StepLog


class ScoresLog(StepLog):
    """Adds lines to a run's ``scores.jsonl``.

    Args:
        run: The run's folder.
    """

    def __init__(self, run: str | Path) -> None:
        super().__init__(run, SCORES)
