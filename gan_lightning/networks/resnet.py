"""The ResNets of both papers, for images of 32, 48, 64 and 128 pixels.

======  =========================================================================================
size    widths
======  =========================================================================================
32      CIFAR10, SNGAN Table 4; in its code the last linear layer has no bias
48      STL10, SNGAN Table 5
64      no table of a paper: those of SNGAN's code for this size (``resnet_64``, ``snresnet_64``)
128     ILSVRC2012, BSSN Tables 8 to 13
======  =========================================================================================

Where the sources differ: both codes sum over the image before the last layer, where BSSN says
"global pooling"; sums are taken here. The epsilon of batch normalization is 2e-5 in SNGAN's code,
1e-5 in BSSN's; the momentum 0.1 in both. A discriminator's block that keeps shape and width has no
convolution beside it in SNGAN's code, but a 1x1 one in BSSN's Table 13 and code; so it is at 128.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks.base import Generator, ImageShape
from gan_lightning.networks.residual import Block, FirstBlock, UpBlock, initialize_

Hidden = Literal["paper", "code"]


class GeneratorTable(NamedTuple):
    """Channels of the linear layer and of each block, all of which double the image."""

    widths: tuple[int, ...]
    eps: float = 2e-5


class DiscriminatorTable(NamedTuple):
    """Channels of the blocks; how many of the first ones halve the image."""

    widths: tuple[int, ...]
    halvings: int
    bias: bool = True
    shortcut: bool = False


GENERATORS = {
    32: GeneratorTable((256, 256, 256, 256)),
    48: GeneratorTable((512, 256, 128, 64)),
    64: GeneratorTable((1024, 512, 256, 128, 64)),
    128: GeneratorTable((1024, 1024, 512, 256, 128, 64), eps=1e-5),
}

DISCRIMINATORS = {
    32: DiscriminatorTable((128, 128, 128, 128), halvings=2, bias=False),
    48: DiscriminatorTable((64, 128, 256, 512, 1024), halvings=4),
    64: DiscriminatorTable((64, 128, 256, 512, 1024), halvings=5),
    128: DiscriminatorTable((64, 128, 256, 512, 1024, 1024), halvings=5, shortcut=True),
}


class ResNetGenerator(Generator):
    """Linear, residual blocks that double the size, BN, ReLU, a 3x3 convolution and tanh.

    Args:
        image_shape: ``(channels, height, width)``; 32x32, 48x48, 64x64 or 128x128, or any sides
            that ``widths`` can double to.
        latent_dim: Number of components of a latent; 128 in both papers.
        width: Channels of the last block; the others keep their ratios to it. By default the
            papers': 256 at 32x32, else 64.
        widths: Channels of the linear layer and of each block, in place of the papers'; each block
            doubles the size.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        latent_dim: int = 128,
        width: int | None = None,
        widths: Sequence[int] | None = None,
    ) -> None:
        super().__init__(image_shape, latent_dim)
        table = _generator_table(image_shape, width, widths)
        channels, height, wide = image_shape
        doublings = len(table.widths) - 1
        self.first = (table.widths[0], height >> doublings, wide >> doublings)
        self.linear = nn.Linear(latent_dim, self.first[0] * self.first[1] * self.first[2])
        self.blocks = nn.ModuleList(UpBlock(*pair, table.eps) for pair in pairwise(table.widths))
        self.norm = nn.BatchNorm2d(table.widths[-1], table.eps)
        self.last = nn.Conv2d(table.widths[-1], channels, 3, padding=1)
        initialize_(self)

    def forward(self, z: Tensor, *labels: Tensor) -> Tensor:
        """Makes images in [-1, 1], ``(N, latent_dim) -> (N, channels, height, width)``."""
        x = self.linear(z).unflatten(1, self.first)
        for block in self.blocks:
            x = block(x, *labels)
        images: Tensor = self.last(F.relu(self.norm(x)))
        return images.tanh()


class ResNetDiscriminator(nn.Module):
    """Residual blocks, the first ones halving the size, ReLU, the sum over the image, linear.

    Args:
        image_shape: ``(channels, height, width)``; 32x32, 48x48, 64x64 or 128x128, or any sides
            that can be halved where ``widths`` are given.
        width: Channels of the first block; the others keep their ratios to it. By default the
            papers': 128 at 32x32, else 64.
        widths: Channels of each block, in place of the papers'.
        halvings: How many of the first blocks halve the size, >= 1; by default as many as in the
            papers' table, or where ``widths`` are given, all blocks but the last.
        hidden: Channels between the two convolutions of a block: those of its output ("paper":
            SNGAN's tables suggest it, BSSN's code does it) or of its input ("code": SNGAN's).
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        width: int | None = None,
        widths: Sequence[int] | None = None,
        halvings: int | None = None,
        hidden: Hidden = "paper",
    ) -> None:
        super().__init__()
        table = _discriminator_table(image_shape, width, widths, halvings)
        self.features = _blocks(image_shape[0], table, hidden, self._joining(table))
        self.linear = nn.Linear(table.widths[-1], 1, bias=table.bias)
        initialize_(self)

    def _joining(self, table: DiscriminatorTable) -> dict[int, int]:
        """Channels that join the input of a block, by the block's index."""
        return {}

    def summed(self, images: Tensor) -> Tensor:
        """The features of the last block, rectified and summed over the image, ``(N, F)``."""
        return _sum(self.features(images))

    def forward(self, images: Tensor) -> Tensor:
        """Logits, ``(N, channels, height, width) -> (N, 1)``."""
        logits: Tensor = self.linear(self.summed(images))
        return logits


def _sum(features: Tensor) -> Tensor:
    return F.relu(features).sum((2, 3))


def _blocks(
    channels: int, table: DiscriminatorTable, hidden: Hidden, joining: dict[int, int]
) -> nn.Sequential:
    if hidden not in ("paper", "code"):
        raise UserError(f"must be 'paper' or 'code', got {hidden!r}", "hidden")
    blocks: list[nn.Module] = [FirstBlock(channels, table.widths[0])]
    for k, (before, after) in enumerate(pairwise(table.widths), start=1):
        joined = before + joining.get(k, 0)
        inner = after if hidden == "paper" else joined
        blocks.append(Block(joined, inner, after, k < table.halvings, table.shortcut))
    return nn.Sequential(*blocks)


def _generator_table(
    image_shape: ImageShape, width: int | None, widths: Sequence[int] | None
) -> GeneratorTable:
    own = _checked(width, widths, least=2)
    table = GENERATORS.get(_side(image_shape)) if own is None else GeneratorTable(own)
    if table is None:
        raise _no_table(image_shape)
    _require_halvings(image_shape, len(table.widths) - 1, "double to", "widths")
    return table._replace(widths=_scaled(table.widths, width, table.widths[-1]))


def _discriminator_table(
    image_shape: ImageShape, width: int | None, widths: Sequence[int] | None, halvings: int | None
) -> DiscriminatorTable:
    own = _checked(width, widths, least=1)
    table = DISCRIMINATORS.get(_side(image_shape))
    if own is not None:
        table = DiscriminatorTable(own, max(1, len(own) - 1))
    if table is None:
        raise _no_table(image_shape)
    if halvings is not None:
        if not 1 <= halvings <= len(table.widths):
            raise UserError(
                f"must be from 1 to the number of blocks, {len(table.widths)}, got {halvings}",
                "halvings",
            )
        table = table._replace(halvings=halvings)
    _require_halvings(image_shape, table.halvings, "halve", "halvings")
    return table._replace(widths=_scaled(table.widths, width, table.widths[0]))


def _checked(width: int | None, widths: Sequence[int] | None, least: int) -> tuple[int, ...] | None:
    """The widths, if there are any, as a tuple."""
    if width is not None and width < 1:
        raise UserError(f"must be >= 1, got {width}", "width")
    if widths is None:
        return None
    if width is not None:
        raise UserError(
            "is given beside `widths`, which say it all; leave one of them out", "width"
        )
    if len(widths) < least or min(widths) < 1:
        raise UserError(f"must be {least} or more integers >= 1, got {list(widths)}", "widths")
    return tuple(widths)


def _scaled(widths: Sequence[int], width: int | None, unit: int) -> tuple[int, ...]:
    """The same ratios with ``width`` in place of ``unit``."""
    return tuple(widths) if width is None else tuple(n * width // unit for n in widths)


def _side(image_shape: ImageShape) -> int:
    """Of a square image; 0 for others."""
    _, height, width = image_shape
    return height if height == width else 0


def _no_table(image_shape: ImageShape) -> UserError:
    sizes = ", ".join(f"{size}x{size}" for size in GENERATORS)
    return UserError(
        f"has tables for images of {sizes}, got {image_shape[1]}x{image_shape[2]}; choose one of "
        "these sizes, another network, or `widths` of your own"
    )


def _require_halvings(image_shape: ImageShape, count: int, verb: str, argument: str) -> None:
    _, height, width = image_shape
    if height % 2**count or width % 2**count or not height or not width:
        raise UserError(
            f"{verb} the sides of an image {count} times, so they must be multiples of {2**count}, "
            f"got {height}x{width}; choose fewer, or another image size",
            argument,
        )
