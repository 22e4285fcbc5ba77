"""Ways from one latent to another."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Way = Literal["slerp", "linear"]

PARALLEL = 1e-6
"""Sines of angles below it: there is no one great circle, and the chord is the way."""


def between(start: Tensor, end: Tensor, steps: int, way: Way = "slerp") -> Tensor:
    """Latents from one to another, both included.

    ``linear`` is ``(1 - t) a + t b``. Of Gaussian latents, its middle has a norm that hardly any
    latent has: a generator was never trained there. ``slerp`` keeps to the sphere (White 2016,
    "Sampling Generative Networks", section 2.1), ``w`` being the angle between a and b:

        (sin((1 - t) w) a + sin(t w) b) / sin(w)

    Args:
        start: The latent a, ``(F,)``.
        end: The latent b, ``(F,)``.
        steps: How many, >= 2.
        way: Which way.

    Returns:
        ``(steps, F)``, of the type of ``start``.
    """
    a, b = start.double(), end.double()
    t = torch.linspace(0, 1, steps, dtype=torch.float64)[:, None]
    cosine = torch.dot(a, b) / (a.norm() * b.norm()).clamp_min(1e-300)
    angle = torch.arccos(cosine.clamp(-1, 1))
    if way == "linear" or float(angle.sin()) < PARALLEL:
        way_there = (1 - t) * a + t * b
    else:
        way_there = (((1 - t) * angle).sin() * a + (t * angle).sin() * b) / angle.sin()
    return way_there.to(start.dtype)
