"""Draws pictures with matplotlib, which is imported only here; each panel once."""

from __future__ import annotations

import io
import math
import re
import textwrap
from collections.abc import Sequence
from typing import Any, NamedTuple

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from gan_lightning.report.picture import Curve, Panel

COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000", "#8C6D00")
"""Okabe and Ito's, told apart under colour blindness; their yellow, too light, is darker."""

DASHES = ("-", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))
"""Colours that come again get another dash."""

MARKERS = "osD^vPX*"
WIDTH, HEIGHT = 4.8, 2.5
"""Inches of a panel, and of its axes."""

LEFT, RIGHT, TOP, BOTTOM = 0.95, 0.15, 0.32, 0.55
"""Inches around the axes; the legend comes below that."""

LINE = 0.19
"""Inches of a line of the legend, or of a tick's words."""

WIDTH_IN_LETTERS = 60
"""How many letters of a legend stand beside each other."""

NARROW = 4
"""How far values have to be apart for a logarithmic axis."""

COLUMNS = 3
"""Panels beside each other in a file."""

STYLE: dict[Any, Any] = {
    **{"font.size": 10, "axes.titlesize": 10, "axes.spines.top": False, "axes.spines.right": False},
    **{"axes.grid": True, "grid.color": "#dddddd", "grid.linewidth": 0.6, "axes.axisbelow": True},
    **{"legend.fontsize": 9, "legend.frameon": False, "axes.formatter.useoffset": False},
    **{"lines.linewidth": 1.6, "svg.fonttype": "none", "svg.hashsalt": "gan_lightning"},
    **{"font.family": "DejaVu Sans", "figure.dpi": 130, "savefig.dpi": 130},
}


class Drawn(NamedTuple):
    """A panel as files.

    Attributes:
        png: Its content as PNG.
        svg: The same as SVG.
    """

    png: bytes
    svg: str


def draw(panel: Panel) -> Drawn:
    """Draws a panel."""
    with mpl.rc_context(STYLE):
        columns, rows = _legend_size(panel)
        ticks = LINE * max((tick.count("\n") for tick in _ticks(panel)), default=0)
        below = BOTTOM + ticks + LINE * rows + (0.16 if rows else 0)
        height = HEIGHT + TOP + below
        figure = Figure((WIDTH, height))
        inside = (WIDTH - LEFT - RIGHT) / WIDTH
        axes = figure.add_axes((LEFT / WIDTH, below / height, inside, HEIGHT / height))
        _draw(axes, panel)
        if rows:
            place: dict[str, Any] = {
                "loc": "upper left",
                "bbox_to_anchor": (0.02, (LINE * rows + 0.12) / height),
            }
            handles, labels = axes.get_legend_handles_labels()
            figure.legend(
                handles, labels, **place, ncols=columns, borderaxespad=0, columnspacing=1.2
            )
        return Drawn(_saved(figure, "png"), _saved(figure, "svg").decode())


def _saved(figure: Figure, kind: str) -> bytes:
    FigureCanvasAgg(figure)
    file = io.BytesIO()
    facts = {"Date": None} if kind == "svg" else {"Software": None}
    figure.savefig(file, format=kind, metadata=facts)
    return file.getvalue()


def together(drawn: Sequence[Drawn]) -> Drawn:
    """Panels beside and below each other, as one file."""
    pictures = [Image.open(io.BytesIO(panel.png)).convert("RGB") for panel in drawn]
    columns = min(COLUMNS, len(pictures))
    rows = [pictures[k : k + columns] for k in range(0, len(pictures), columns)]
    heights = [max(picture.height for picture in row) for row in rows]
    width = pictures[0].width
    sheet = Image.new("RGB", (width * columns, sum(heights)), "white")
    parts = []
    scale = 72 / STYLE["savefig.dpi"]
    for k, (picture, panel) in enumerate(zip(pictures, drawn, strict=True)):
        x, y = width * (k % columns), sum(heights[: k // columns])
        sheet.paste(picture, (x, y))
        parts.append(_nested(panel.svg, x * scale, y * scale, f"p{k}"))
    file = io.BytesIO()
    sheet.save(file, format="PNG", optimize=True)
    size = f'width="{sheet.width * scale:.2f}pt" height="{sheet.height * scale:.2f}pt"'
    box = f'viewBox="0 0 {sheet.width * scale:.2f} {sheet.height * scale:.2f}"'
    names = 'xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    svg = f'<?xml version="1.0" encoding="utf-8"?>\n<svg {names} {size} {box}>\n'
    return Drawn(file.getvalue(), svg + "\n".join(parts) + "\n</svg>\n")


def _nested(svg: str, x: float, y: float, prefix: str) -> str:
    """A drawing inside another one, its names kept apart from those of the others."""
    inner = svg[svg.index("<svg") :].replace("<svg", f'<svg x="{x:.2f}" y="{y:.2f}"', 1)
    inner = re.sub(r'(?<= width="|height=")([\d.]+)pt"', r'\1"', inner, count=2)
    inner = re.sub(r'\bid="', f'id="{prefix}-', inner)
    return re.sub(r'(url\(|href=")#', rf"\1#{prefix}-", inner)


def _draw(axes: Any, panel: Panel) -> None:  # noqa: ANN401  (matplotlib's)
    for curve in panel.curves:
        if panel.ticks:
            _bars(axes, curve, panel)
        else:
            _line(axes, curve)
    if panel.ticks:
        axes.set_xticks(range(len(panel.ticks)), _ticks(panel), fontsize=8)
        axes.grid(axis="x", visible=False)
    if panel.log_x:
        axes.set_xscale("log")
    if panel.log_y and _is_wide(panel):
        axes.set_yscale("log", nonpositive="clip")
    axes.set_title(_plain(panel.title), loc="left")
    axes.set_xlabel(_plain(panel.x))
    axes.set_ylabel(_plain(panel.y))


def _is_wide(panel: Panel) -> bool:
    """Whether a logarithmic axis shows more than a plain one."""
    values = [y for c in panel.curves for y in c.y if math.isfinite(y)]
    positive = [y for y in values if y > 0]
    return bool(positive) and (max(positive) > NARROW * min(positive) or min(values) <= 0)


def _legend_size(panel: Panel) -> tuple[int, int]:
    """Columns and lines of the legend; none where the title says it."""
    count = len(panel.curves)
    if count < 2 and panel.title:
        return 1, 0
    longest = max((len(curve.label) for curve in panel.curves), default=0)
    columns = max(1, min(4, count, WIDTH_IN_LETTERS // (longest + 7)))
    return columns, math.ceil(count / columns)


def _ticks(panel: Panel) -> list[str]:
    wide = max(8, 60 // max(1, len(panel.ticks)))
    return [_plain(textwrap.fill(tick, wide)) for tick in panel.ticks]


def _plain(text: str) -> str:
    """Text in which nothing is mathematics."""
    return text.replace("$", r"\$")


def _line(axes: Any, curve: Curve) -> None:  # noqa: ANN401  (matplotlib's, imported late)
    shared: dict[str, Any] = {
        "color": COLORS[curve.color % len(COLORS)],
        "label": _plain(curve.label),
    }
    marker = MARKERS[curve.color % len(MARKERS)]
    dash = DASHES[curve.color // len(COLORS) % len(DASHES)]
    if curve.style == "level":
        axes.axhline(curve.y[0], linestyle=":", **shared)
    elif curve.style == "bound":
        axes.plot(curve.x, curve.y, linestyle="--", linewidth=1, **shared)
    elif curve.style == "points":
        axes.plot(curve.x, curve.y, marker=marker, linestyle="", alpha=0.8, **shared)
    elif curve.style == "thin":
        alone = "x" if len(curve.x) == 1 else ""
        axes.plot(curve.x, curve.y, marker=alone, linestyle=":", linewidth=0.9, **shared)
    else:
        few = marker if len(curve.x) <= 12 else ""
        axes.plot(curve.x, curve.y, marker=few, linestyle=dash, markersize=4, **shared)
        if curve.low:
            band = {"color": shared["color"], "alpha": 0.2, "linewidth": 0}
            axes.fill_between(curve.x, curve.low, curve.high, **band)


# Ignored below: matplotlib's, imported late.
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
        label=_plain(curve.label),
        capsize=2,
    )
