"""Which images each training position draws: pure functions of (seed, position, rank)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gan_lightning.streams import stream


class IndexSampler(Protocol):
    """Answers which images one position trains on."""

    def __call__(self, position: int) -> NDArray[np.int64]:
        """Returns the ``(size,)`` indices, each in ``[0, count)``, of one position."""


@dataclass(frozen=True)
class Replacement:
    """Uniform with replacement: what the papers' code does.

    Args:
        count: Number of images to draw from.
        size: Number of images of one position.
        seed: The run's seed.
        rank: The process that draws.
    """

    count: int
    size: int
    seed: int
    rank: int

    def __call__(self, position: int) -> NDArray[np.int64]:
        """Returns the ``(size,)`` indices of one position."""
        return stream(self.seed, "batch", position, self.rank).integers(0, self.count, self.size)


@dataclass(frozen=True)
class Epochs:
    """Every image once per epoch, in a fresh order each epoch.

    The permutations of all epochs stand one behind the other. Position ``t`` takes the next
    ``size * world_size`` of them, rank by rank, so ranks never train on the same image at once.
    An epoch may end in the middle of a batch; nothing is dropped.

    Args:
        count: Number of images to draw from.
        size: Number of images of one position on one rank.
        seed: The run's seed.
        rank: The process that draws.
        world_size: Number of processes.
    """

    count: int
    size: int
    seed: int
    rank: int
    world_size: int

    def __call__(self, position: int) -> NDArray[np.int64]:
        """Returns the ``(size,)`` indices of one position."""
        first = (position * self.world_size + self.rank) * self.size
        epochs, places = np.divmod(np.arange(first, first + self.size), self.count)
        return np.concatenate(
            [
                _permutation(self.seed, int(epoch), self.count)[places[epochs == epoch]]
                for epoch in np.unique(epochs)
            ]
        )


@dataclass(frozen=True)
class Subset:
    """Draws from some of the images, as if there were no others.

    Args:
        draw: Draws from as many images as there are members.
        members: The indices of those images, int64.
    """

    draw: IndexSampler
    members: NDArray[np.int64]

    def __call__(self, position: int) -> NDArray[np.int64]:
        """Returns the ``(size,)`` indices of one position."""
        return self.members[self.draw(position)]


def members(count: int, limit: int, seed: int) -> NDArray[np.int64]:
    """Returns which ``limit`` of ``count`` images a seed chooses, in their order.

    A smaller limit chooses some of what a larger one does.
    """
    return np.sort(stream(seed, "members", 0).permutation(count)[:limit])


@lru_cache(maxsize=2)  # a batch lies in at most two epochs, unless they are tiny
def _permutation(seed: int, epoch: int, count: int) -> NDArray[np.int64]:
    return stream(seed, "epoch", epoch).permutation(count)


def flips(size: int, seed: int, position: int, rank: int) -> NDArray[np.bool_]:
    """Returns which of the ``size`` images of one position are mirrored, each with chance 1/2."""
    return stream(seed, "flips", position, rank).integers(0, 2, size).astype(np.bool_)
