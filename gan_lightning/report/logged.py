"""The logs in a run's folder, read line by line: what is torn or no log is passed over."""

from __future__ import annotations

import csv
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any


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


POINTS = 200
"""Points that are kept of a curve."""

LOGGED = ("discriminator_loss", "generator_loss")
"""Columns without a slash that are kept."""


def number(text: object) -> float:
    """A logged value, or NaN for what is no number.

    >>> number("2.5"), number("")
    (2.5, nan)
    """
    try:
        return float(text)  # type: ignore[arg-type]  # that is the question
    except (TypeError, ValueError):
        return math.nan


def series_of(rows: Iterable[dict[str, str]], last: int) -> dict[str, dict[int, float]]:
    """The columns that figures show, thinned: column to iteration to value.

    Args:
        rows: What was logged.
        last: The last iteration that there may be.
    """
    width = max(1, last // POINTS)
    found: dict[str, dict[int, float]] = defaultdict(dict)
    bins: dict[str, int] = {}
    for row in rows:
        step = int(row["step"])
        for column, text in row.items():
            shown = "/" in column and not column.startswith("trainer/")
            if (shown or column in LOGGED) and bins.get(column) != step // width:
                bins[column] = step // width
                found[column][step] = number(text)
    return found


def last_spectra(path: Path) -> dict[str, list[float]]:
    """Squared singular values by layer, of the last look."""
    found: dict[str, list[float]] = {}
    newest = -1
    for line in _lines(path):
        step, layer, values = (line.get(k) for k in ("step", "layer", "squared_singular_values"))
        if isinstance(step, int) and isinstance(values, list) and step >= newest:
            found = {} if step > newest else found
            newest, found[str(layer)] = step, values
    return found


def rescaling(path: Path) -> dict[str, list[tuple[float, float]]]:
    """The ratios of a study of rescaled layers, by layer; nothing where there is no file."""
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    try:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            for row in csv.DictReader(file):
                point = number(row.get("spectral")), number(row.get("gradient"))
                if all(math.isfinite(value) for value in point):
                    found[str(row.get("layer"))].append(point)
    except (OSError, csv.Error):
        return {}
    return dict(found)


def seconds_per_100(path: Path) -> float | None:
    """Seconds that 100 iterations took, evaluations not counted, over all starts that said it."""
    seconds = iterations = 0.0
    for line in _lines(path):
        took, made = number(line.get("seconds")), number(line.get("iterations"))
        if took > 0 and made > 0:
            seconds, iterations = seconds + took, iterations + made
    return 100 * seconds / iterations if iterations else None


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a file of JSON lines; none where there is no file."""
    try:
        with path.open("rb") as file:
            for line in file:
                try:
                    found = json.loads(line)
                except ValueError:
                    continue
                if isinstance(found, dict):
                    yield found
    except OSError:
        return


def facts_of(path: Path) -> dict[str, Any]:
    """What a JSON file says; nothing where there is none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
