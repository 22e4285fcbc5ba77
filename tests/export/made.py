"""Generators as training leaves them, and their images."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from gan_lightning.images import classes_at, generate_from, latents_at
from gan_lightning.networks import CNNGenerator, ConditionalCNNGenerator, Generator
from gan_lightning.normalization import bssn, clip, gamma, none, normalize_, shared_gamma, sn, ssn
from gan_lightning.normalization.base import Normalization

SHAPE = (1, 8, 8)
NORMS: dict[str, Callable[[], Normalization]] = {
    "none": none,
    "sn": sn,
    "bssn": lambda: bssn(1.4),
    "clip": clip,
    "gamma": lambda: gamma(bssn(0.7)),
    "shared_gamma": lambda: shared_gamma(ssn(2.0)),
}


def trained(norm: str, conditional: bool = False) -> Generator:
    """A generator whose weights, gains and running statistics are none of their first values."""
    torch.manual_seed(0)
    made: Generator = (
        ConditionalCNNGenerator(SHAPE, 3, latent_dim=6, width=2)
        if conditional
        else CNNGenerator(SHAPE, latent_dim=6, width=2)
    )
    made.to(memory_format=torch.channels_last)
    labels = (torch.zeros(1, dtype=torch.int64),) if conditional else ()
    normalize_(made, NORMS[norm](), torch.zeros(1, 6), *labels)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
        labels = (torch.arange(9) % 3,) if conditional else ()
        made.train()(torch.randn(9, 6), *labels)
    return made


def images(generator: Generator) -> Tensor:
    """Five images, of all classes in turn."""
    return generate_from(
        generator, latents_at(generator, range(5), 0, "sample"), classes_at(generator, range(5))
    )
