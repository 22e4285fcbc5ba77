"""The journal of an array that is being prepared: one line of JSON per finished block."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

from gan_lightning.data.preparation.blocks import Report


def journal_line(first: int, report: Report) -> str:
    """Returns the line about the block that begins at image ``first``."""
    return json.dumps({"first": first, **asdict(report)}) + "\n"


def read_journal(path: Path) -> dict[int, Report]:
    """Reads a journal up to a line that was being written when the run was killed.

    Args:
        path: The journal, which may be missing.

    Returns:
        What became of each block, by its first image.
    """
    reports = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            noted = json.loads(line)
        except ValueError:
            break
        bad = {int(index): (name, problem) for index, (name, problem) in noted["bad"].items()}
        reports[noted["first"]] = Report(noted["crc"], bad)
    return reports
