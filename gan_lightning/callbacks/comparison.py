"""What scores mean: the generator's beside those of real images and of noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from gan_lightning.scores.record import Result
from gan_lightning.scores.scoring import Judge, Split
from gan_lightning.scores.sources import ArrayImages
from gan_lightning.streams import stream

if TYPE_CHECKING:
    from gan_lightning.data import ImageData


@dataclass(frozen=True)
class ScoredRow:
    """Whose scores they are, and what they are."""

    title: str
    result: Result


def held_out(data: ImageData, judge: Judge) -> ArrayImages | None:
    """Real images that the scores do not compare with: the other split, or unused training images.

    Returns:
        The images in a fixed random order, or ``None`` if there are fewer than two, or nobody
        knows which a file of statistics was made from.
    """
    other: Split = "test" if judge.reference == "train" else "train"
    if other in data.splits:
        images = data.images(other)
        index = np.arange(len(images))
    elif judge.real is None:
        images = data.images(judge.reference)
        index = judge.subset_of(images, data.fingerprint(judge.reference)).unseen()
    else:
        return None
    index = stream(0, "held-out images", 0).permutation(index)
    return ArrayImages(images, index) if len(index) >= 2 else None


def table(rows: list[ScoredRow], protocol: str, extractor: str) -> str:
    """The rows' scores below each other.

    Args:
        rows: The generator's first.
        protocol: Its name, for the title.
        extractor: Its name, for the title.
    """
    names = {name.removeprefix("ema_"): None for row in rows for name in row.result.scores}
    head = ["", "images", *names]
    lines = [head, *([row.title, *_cells(row.result, list(names))] for row in rows)]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    body = "\n".join(_aligned(line, widths) for line in lines)
    real = rows[0].result.counts["fid_real"]
    return (
        f"\nScores by extractor {extractor}, protocol {protocol}, against {real} real images "
        f"(fid: lower is better; is_mean: higher is better):\n{body}\n"
    )


def _cells(result: Result, names: list[str]) -> list[str]:
    """Numbers as text; a dash for a score that wants more images than there were."""
    scores = {name.removeprefix("ema_"): value for name, value in result.scores.items()}
    cells = (_digits(scores[name]) if name in scores else "-" for name in names)
    return [str(result.counts["fid_generated"]), *cells]


def _digits(score: float) -> str:
    """Three decimals, or four digits that tell where these would not.

    >>> _digits(17.25), _digits(0.000423151), _digits(0.0)
    ('17.250', '0.0004232', '0.000')
    """
    return f"{score:.3f}" if abs(score) >= 1 or score == 0 else f"{score:.4g}"


def _aligned(line: list[str], widths: list[int]) -> str:
    title, *cells = line
    numbers = (cell.rjust(width) for cell, width in zip(cells, widths[1:], strict=True))
    return "  ".join([title.ljust(widths[0]), *numbers])
