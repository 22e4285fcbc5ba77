"""Whether an exported generator makes the images of the one that was trained."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.images import classes_at, generate_from, latents_at
from gan_lightning.networks import Generator

TOLERANCE = 1e-5
"""The largest difference of a pixel, in the units of the generator (mostly -1 to 1)."""

BATCHES = (1, 7)
"""Numbers of images: an export that is right for one of them alone is none."""


def require_agreement(trained: Generator, exported: Callable[..., Tensor], path: str) -> float:
    """Compares the images of an export with those of the generator as it was trained.

    Args:
        trained: With its normalizations.
        exported: From latents, and labels, to images.
        path: The export, for the message.

    Returns:
        The largest difference.

    Raises:
        UserError: It is more than `TOLERANCE`.
    """
    worst = 0.0
    for count in BATCHES:
        z = latents_at(trained, range(count), 0, "sample")
        labels = classes_at(trained, range(count))
        wanted = generate_from(trained, z, labels).cpu()
        with torch.no_grad():
            got = exported(z, *labels)
        alike = got.shape == wanted.shape
        difference = float((got - wanted).abs().max()) if alike else float("inf")
        if not difference <= TOLERANCE:  # NaN is not
            raise UserError(
                f"nothing was written to {path}: its images would differ by {difference:.2g} from "
                f"those of the checkpoint, where {TOLERANCE:g} is allowed"
            )
        worst = max(worst, difference)
    return worst
