"""``metrics.csv`` row by row, and the series in it, thinned to what a figure can show."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path


def rows_of(path: Path) -> Iterator[dict[str, str]]:
    """The whole rows of a ``metrics.csv``, without empty cells; none where there is no file.

    A row that a kill cut short, or whose first cell is no iteration, is left out.
    """
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            lines = csv.reader(_without_nul(file))
            header = next(lines, [])
            for row in lines:
                if len(row) == len(header):
                    found = {k: v for k, v in zip(header, row, strict=True) if v}
                    if found.get("step", "").isdigit():
                        yield found
    except (OSError, csv.Error):
        return


def _without_nul(lines: Iterator[str]) -> Iterator[str]:
    """Lines that the reader of CSV takes, whatever a power failure left in them."""
    for line in lines:
        yield line.replace("\0", "")
