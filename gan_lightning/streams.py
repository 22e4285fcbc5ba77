"""Randomness addressed by position, so that a resumed run draws what the first one would have.

Nothing here has state. A stream is a pure function of (seed, name, position, rank): whoever asks
for the latents of iteration 1234 gets the same numbers, whether the run was interrupted or not,
on every device, and whatever else drew random numbers in between.
"""

from __future__ import annotations

import zlib

import numpy as np

from gan_lightning.errors import UserError


def stream(seed: int, name: str, position: int, rank: int = 0) -> np.random.Generator:
    """Returns the random numbers that belong to one position of one named purpose.

    The generator is Philox, which is counter-based (Salmon et al. 2011, "Parallel random numbers:
    as easy as 1, 2, 3"): ``(seed, name)`` is the key and ``(position, rank)`` the high half of the
    counter, so different positions or ranks never overlap before 2^128 draws.

    Args:
        seed: The run's seed, an integer from 0 to 2^64 - 1.
        name: What the numbers are for ("latents", "batch", ...); streams of different names are
            independent.
        position: The generator update, or the index of the block, that the numbers belong to.
        rank: The process that draws them.

    Returns:
        A fresh numpy generator; drawing from it changes nothing else.

    >>> float(stream(0, "latents", 7).random()) == float(stream(0, "latents", 7).random())
    True
    """
    key = np.array([seed, zlib.crc32(name.encode())], dtype=np.uint64)
    counter = np.array([0, 0, rank, position], dtype=np.uint64)
    return np.random.Generator(np.random.Philox(key=key, counter=counter))


def require_seed(seed: int, argument: str = "seed") -> None:
    """Raises `UserError` for a number that no stream has.

    >>> require_seed(2**64)
    Traceback (most recent call last):
    gan_lightning.errors.UserError: seed 18446744073709551616 is not allowed: from 0 to 2^64 - 1
    """
    if not 0 <= seed < 2**64:
        raise UserError(f"{seed} is not allowed: from 0 to 2^64 - 1", argument)
