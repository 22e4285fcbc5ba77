"""Draws pictures with matplotlib, which is imported only here."""

from __future__ import annotations

import io
import math
import textwrap
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from gan_lightning.report.picture import Curve, Panel, Picture

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00")
"""Okabe and Ito's, told apart under colour blindness; their yellow, too light, is darker."""

DASHES = ("-", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
"""Colours that come again get another dash."""

MARKERS = "osD^vPX*"
SIZE = (4.8, 3.3)
"""Inches of a panel."""

STYLE = {
    **{"font.size": 10, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False},
    **{"axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.axisbelow": True},
    **{"legend.fontsize": 8, "legend.framealpha": 0.8, "legend.edgecolor": "none"},
    **{"lines.linewidth": 1.6, "svg.fonttype": "none", "svg.hashsalt": "gan_lightning"},
    **{"axes.formatter.useoffset": False, "text.parse_math": False},
}


def panel_png(panel: Panel) -> bytes:
    """One panel, for a page."""
    with mpl.rc_context(STYLE):
        figure = Figure(SIZE, layout="constrained")
        _draw(figure.add_subplot(), panel)
        return _saved(figure, "png")


def whole(picture: Picture) -> tuple[bytes, bytes]:
    """All panels of a figure, as PNG and as SVG."""
    columns = min(3, len(picture.panels))
    rows = math.ceil(len(picture.panels) / columns)
    with mpl.rc_context(STYLE):
        figure = Figure((SIZE[0] * columns, SIZE[1] * rows), layout="constrained")
        for k, panel in enumerate(picture.panels):
            _draw(figure.add_subplot(rows, columns, k + 1), panel)
        return _saved(figure, "png"), _saved(figure, "svg")


def _saved(figure: Figure, kind: str) -> bytes:
    FigureCanvasAgg(figure)
    file = io.BytesIO()
    facts = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(file, format=kind, dpi=130, metadata=facts)
    return file.getvalue()


def _draw(axes: Any, panel: Panel) -> None:  # noqa: ANN401  (matplotlib's)
    for curve in panel.curves:
        if panel.ticks:
            _bars(axes, curve, panel)
        else:
            _line(axes, curve)
    if panel.ticks:
        ticks = [textwrap.fill(tick, 14) for tick in panel.ticks]
        axes.set_xticks(range(len(ticks)), ticks, fontsize=8)
        axes.grid(axis="x", visible=False)
    _scales(axes, panel)
    axes.set_title(panel.title, loc="left")
    axes.set_xlabel(panel.x)
    axes.set_ylabel(panel.y)
    if len(panel.curves) > 1 or not panel.title:
        axes.legend(loc="best", ncols=1 + (len(panel.curves) > 8))


def _scales(axes: Any, panel: Panel) -> None:  # noqa: ANN401
    if panel.log_x:
        axes.set_xscale("log")
    positive = any(y > 0 for c in panel.curves for y in c.y if math.isfinite(y))
    if panel.log_y and positive:
        axes.set_yscale("log", nonpositive="clip")


def _line(axes: Any, curve: Curve) -> None:  # noqa: ANN401
    color = COLORS[curve.color % len(COLORS)]
    dash = DASHES[curve.color // len(COLORS) % len(DASHES)]
    if curve.style == "level":
        axes.axhline(curve.y[0], color=color, linestyle=":", label=curve.label)
    elif curve.style == "bound":
        axes.plot(curve.x, curve.y, color=color, linestyle="--", linewidth=1, label=curve.label)
    elif curve.style == "points":
        marker = MARKERS[curve.color % len(MARKERS)]
        axes.plot(curve.x, curve.y, marker, color=color, label=curve.label, alpha=0.8)
    elif curve.style == "thin":
        marker = "x" if len(curve.x) == 1 else ""
        options = {"marker": marker, "linestyle": ":", "linewidth": 0.9}
        axes.plot(curve.x, curve.y, **options, color=color, label=curve.label)
    else:
        few = len(curve.x) <= 12
        marker = MARKERS[curve.color % len(MARKERS)] if few else ""
        options = {"marker": marker, "linestyle": dash, "markersize": 4}
        axes.plot(curve.x, curve.y, **options, color=color, label=curve.label)
        if curve.low:
            axes.fill_between(curve.x, curve.low, curve.high, color=color, alpha=0.2, linewidth=0)


def _bars(axes: Any, curve: Curve, panel: Panel) -> None:  # noqa: ANN401
    place, count = panel.curves.index(curve), len(panel.curves)
    width = 0.8 / count
    x = [value + (place - (count - 1) / 2) * width for value in curve.x]
    errors = None
    if curve.low:
        mean_low_high = zip(curve.y, curve.low, curve.high, strict=True)
        errors = list(zip(*((y - low, high - y) for y, low, high in mean_low_high), strict=True))
    axes.bar(
        x,
        curve.y,
        width * 0.92,
        yerr=errors,
        color=COLORS[curve.color % len(COLORS)],
        hatch=("", "//", "..", "xx")[place % 4],
        edgecolor="white",
        label=curve.label,
        capsize=2,
    )
