"""What a figure shows, as numbers: drawn elsewhere, tested and saved as CSV from here."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

Style = Literal["solid", "thin", "bound", "points", "level"]
"""A mean over seeds; a single unfinished run; a theorem's bound; points; a level that has no x."""


class Curve(NamedTuple):
    """A line of a panel.

    Attributes:
        label: Its name in the legend.
        x: Where.
        y: What.
        low: Lower edge of its band; empty for none.
        high: Upper edge.
        color: Which of the colours.
        style: How it is drawn.
    """

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    color: int = 0
    style: Style = "solid"


@dataclass
class Panel:
    """A pair of axes.

    Attributes:
        title: What tells it from the panels beside it.
        x: Name of the horizontal axis.
        y: Name of the vertical one.
        curves: What it shows.
        log_x: Whether the horizontal axis is logarithmic.
        log_y: Whether the vertical one is.
        ticks: Words at x = 0, 1, ...; then the curves are drawn as bars.
    """

    title: str
    x: str
    y: str
    curves: list[Curve]
    log_x: bool = False
    log_y: bool = False
    ticks: list[str] = field(default_factory=list)


@dataclass
class Picture:
    """A figure.

    Attributes:
        name: Of its files.
        title: What it shows.
        caption: How to read it.
        panels: Its parts.
    """

    name: str
    title: str
    caption: str
    panels: list[Panel]

    def csv(self) -> str:
        """All its numbers: a line per point."""
        text = io.StringIO()
        file = csv.writer(text, lineterminator="\n")
        file.writerow(["panel", "curve", "x", "y", "low", "high", "tick"])
        for panel in self.panels:
            for curve in panel.curves:
                for k, (x, y) in enumerate(zip(curve.x, curve.y, strict=True)):
                    band = (curve.low[k], curve.high[k]) if curve.low else ("", "")
                    tick = panel.ticks[round(x)] if panel.ticks else ""
                    file.writerow([panel.title, curve.label, x, y, *band, tick])
        return text.getvalue()


def alt(panel: Panel) -> str:
    """A panel in words: for those who cannot see it, and where it is not loaded.

    >>> alt(Panel("", "iteration", "fid", [Curve("sn", [0, 5], [9.0, 4.0])]))
    'Lines of fid against iteration. sn: from 9 to 4.'
    """
    kind = "Bars" if panel.ticks else "Lines"
    if panel.curves and all(curve.style == "points" for curve in panel.curves):
        kind = "Points"
    shown = [curve for curve in panel.curves if len(curve.y)][:MOST]
    parts = [_in_words(curve, panel) for curve in shown]
    more = len(panel.curves) - len(shown)
    rest = f" And {more} more." if more else ""
    title = f"{panel.title}: " if panel.title else ""
    axes = f"{panel.y} by {panel.x}" if panel.ticks else f"{panel.y} against {panel.x}"
    return f"{title}{kind} of {axes}. {' '.join(parts)}{rest}".strip()


MOST = 12
"""Curves that a panel's description goes through."""


def _in_words(curve: Curve, panel: Panel) -> str:
    numbers = [y for y in curve.y if math.isfinite(y)]
    if not numbers:
        return f"{curve.label}: no finite value."
    if panel.ticks:
        bars = zip(curve.x, curve.y, strict=True)
        said = ", ".join(f"{panel.ticks[round(x)]} {y:.4g}" for x, y in bars)
    elif curve.style in ("points", "level", "bound"):
        low, high = min(numbers), max(numbers)
        said = f"{low:.4g}" if low == high else f"between {low:.4g} and {high:.4g}"
    else:
        said = f"from {numbers[0]:.4g} to {numbers[-1]:.4g}"
    return f"{curve.label}: {said}."
