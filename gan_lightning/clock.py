"""Time is counted in generator updates, the papers' iterations; nothing here has state."""

from __future__ import annotations


def crossed(before: int, now: int, interval: int) -> bool:
    """Whether a multiple of ``interval`` lies in (before, now]; never for interval 0.

    >>> crossed(8, 12, 10), crossed(10, 19, 10), crossed(0, 5, 0)
    (True, False, False)
    """
    return interval > 0 and now // interval > before // interval


def training_step(start: int, iterations: int, stop: int) -> range:
    """The iterations of the training step that begins at iteration ``start``.

    Training steps end at the multiples of their length, wherever a run began: one that was stopped
    in between ends its first step early and is then in time with a run that was not.

    Args:
        start: Iterations made before.
        iterations: Iterations of a whole training step, >= 1.
        stop: Where the run ends.

    >>> training_step(8, 4, 100), training_step(6, 4, 100), training_step(8, 4, 10)
    (range(8, 12), range(6, 8), range(8, 10))
    """
    return range(start, min(start - start % iterations + iterations, stop))
