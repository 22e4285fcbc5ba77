"""Over which range of scales gradients neither vanish nor explode."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import NamedTuple


class Probe(NamedTuple):
    """What a short training at one scale showed.

    Attributes:
        scale: The constant of the norm.
        median: Of the discriminator's gradient norms in the second half of the probe.
        highest: Of all of them.
        verdict: "vanishes", "explodes", "dead" (gradients of exactly zero: the discriminator is
            saturated), or "fine".
    """

    scale: float
    median: float
    highest: float
    verdict: str


def judge(
    scale: float, norms: Sequence[float], vanishing: float, exploding: float, finished: bool = True
) -> Probe:
    """What the gradient norms of a probe say of its scale.

    Args:
        scale: The scale.
        norms: The norms, in their order.
        vanishing: A median below this vanishes.
        exploding: A median above this explodes; a single spike is what healthy trainings have too.
        finished: Whether the probe came to its end; one that diverged explodes.
    """
    later = norms[len(norms) // 2 :] or [math.nan]
    finite = [norm for norm in norms if math.isfinite(norm)]
    median, highest = statistics.median(later), max(finite, default=math.nan)
    if not finished or len(finite) < len(norms) or not median <= exploding:
        verdict = "explodes"
    elif median == 0:
        verdict = "dead"
    else:
        verdict = "vanishes" if median < vanishing else "fine"
    return Probe(scale, median, highest, verdict)


def interval(probes: Sequence[Probe]) -> tuple[float, float] | None:
    """The widest range of scales that were tried and found fine, or None.

    Args:
        probes: By ascending scale.

    >>> tried = [judge(s, [n], 0.1, 100) for s, n in ((0.5, 0.01), (1, 1), (2, 9), (4, 1e3))]
    >>> interval(tried)
    (1, 2)
    """
    best: list[Probe] = []
    row: list[Probe] = []
    for probe in probes:
        row = [*row, probe] if probe.verdict == "fine" else []
        if row and (not best or _width(row) > _width(best)):
            best = row
    return (best[0].scale, best[-1].scale) if best else None


def _width(row: Sequence[Probe]) -> float:
    """In factors."""
    return row[-1].scale / row[0].scale
