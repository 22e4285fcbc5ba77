"""ResNets with classes (SNGAN section 4.2 and Table 6; Miyato and Koyama 2018)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks.base import Judgement, require_classes
from gan_lightning.networks.conditional import ConditionalBatchNorm2d
from gan_lightning.networks.residual import UpBlock
from gan_lightning.networks.resnet import (
    DiscriminatorTable,
    Hidden,
    ResNetDiscriminator,
    ResNetGenerator,
)

JOINED = 3
"""The class joins the features after this many blocks (SNGAN Table 6)."""


class ConditionalResNetGenerator(ResNetGenerator):
    """`ResNetGenerator` with conditional batch normalization in its blocks (SNGAN App. B.3).

    The batch normalization after the last block has no classes, as in SNGAN's code and table.

    Args:
        image_shape: ``(channels, height, width)``, see `ResNetGenerator`.
        num_classes: Number of classes; comes from the data.
        latent_dim: Number of components of a latent.
        width: Channels of the last block; the others keep their ratios to it.
        widths: Channels of the linear layer and of each block, in place of the papers'.
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        latent_dim: int = 128,
        width: int | None = None,
        widths: Sequence[int] | None = None,
    ) -> None:
        super().__init__(image_shape, latent_dim, width, widths)
        self.num_classes = require_classes(self, num_classes)
        for block in self.blocks:
            assert isinstance(block, UpBlock)
            block.norm1 = _conditional(block.norm1, self.num_classes)
            block.norm2 = _conditional(block.norm2, self.num_classes)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]  # more of it
        """Makes images of the given classes, ``(N, latent_dim), (N,) -> (N, C, H, W)``."""
        return super().forward(z, labels)


def _conditional(norm: nn.Module, num_classes: int) -> ConditionalBatchNorm2d:
    assert isinstance(norm, nn.BatchNorm2d)
    return ConditionalBatchNorm2d(norm.num_features, num_classes, norm.eps)


class ProjectionResNetDiscriminator(ResNetDiscriminator):
    """`ResNetDiscriminator` plus the inner product of its features with the class's embedding.

    ``D(x, y) = psi(x) + <embed(y), phi(x)>`` (Miyato and Koyama 2018, Eq. 8), phi the features
    summed over the image. The embedding is normalized like other layers.

    Args:
        image_shape: ``(channels, height, width)``, see `ResNetDiscriminator`.
        num_classes: Number of classes; comes from the data.
        width: Channels of the first block; the others keep their ratios to it.
        widths: Channels of each block, in place of the papers'.
        halvings: How many of the first blocks halve the size.
        hidden: Channels between the two convolutions of a block: those of its output ("paper") or
            of its input ("code").
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        width: int | None = None,
        widths: Sequence[int] | None = None,
        halvings: int | None = None,
        hidden: Hidden = "paper",
    ) -> None:
        super().__init__(image_shape, width, widths, halvings, hidden)
        self.num_classes = require_classes(self, num_classes)
        self.embed = nn.Embedding(self.num_classes, self.linear.in_features)
        nn.init.xavier_uniform_(self.embed.weight)

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]  # as above
        """Logits, ``(N, channels, height, width), (N,) -> (N, 1)``."""
        features = self.summed(images)
        logits: Tensor = self.linear(features)
        inner: Tensor = self.embed(labels) * features  # (N, F)
        return logits + inner.sum(1, keepdim=True)


class ConcatResNetDiscriminator(ResNetDiscriminator):
    """`ResNetDiscriminator` whose features are joined by the class's embedding (SNGAN Table 6).

    After the third block the embedding is repeated at every pixel, as so many more channels.

    Args:
        image_shape: ``(channels, height, width)``, see `ResNetDiscriminator`.
        num_classes: Number of classes; comes from the data.
        embedding: Components of a class's embedding; 128 in the paper.
        width: Channels of the first block; the others keep their ratios to it.
        widths: Channels of each block, in place of the papers'; four or more.
        halvings: How many of the first blocks halve the size.
        hidden: Channels between the two convolutions of a block: those of its output ("paper") or
            of its input ("code").
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        embedding: int = 128,
        width: int | None = None,
        widths: Sequence[int] | None = None,
        halvings: int | None = None,
        hidden: Hidden = "paper",
    ) -> None:
        if embedding < 1:
            raise UserError(f"must be >= 1, got {embedding}", "embedding")
        self._embedding = embedding  # the blocks are built around it
        super().__init__(image_shape, width, widths, halvings, hidden)
        self.num_classes = require_classes(self, num_classes)
        self.embed = nn.Embedding(self.num_classes, embedding)
        nn.init.xavier_uniform_(self.embed.weight)

    def _joining(self, table: DiscriminatorTable) -> dict[int, int]:
        if len(table.widths) <= JOINED:
            raise UserError(
                f"of ConcatResNetDiscriminator must be more than {JOINED}, because the class joins "
                f"the features after block {JOINED}; got {list(table.widths)}",
                "widths",
            )
        return {JOINED: self._embedding}

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:  # type: ignore[override]  # as above
        """Logits, ``(N, channels, height, width), (N,) -> (N, 1)``."""
        x: Tensor = self.features[:JOINED](images)
        joined: Tensor = self.embed(labels)[:, :, None, None].expand(-1, -1, *x.shape[2:])
        x = self.features[JOINED:](torch.cat([x, joined], 1))
        logits: Tensor = self.linear(F.relu(x).sum((2, 3)))
        return logits


class AuxiliaryResNetDiscriminator(ResNetDiscriminator):
    """`ResNetDiscriminator` that guesses the class as well (SNGAN Table 8; Odena et al. 2017).

    The classes' logits are linear in the features averaged over the image (Gulrajani et al. 2017);
    its own logits in their sum, as without classes. Use an objective such as ``auxiliary``.

    Args:
        image_shape: ``(channels, height, width)``, see `ResNetDiscriminator`.
        num_classes: Number of classes; comes from the data.
        width: Channels of the first block; the others keep their ratios to it.
        widths: Channels of each block, in place of the papers'.
        halvings: How many of the first blocks halve the size.
        hidden: Channels between the two convolutions of a block: those of its output ("paper") or
            of its input ("code").
    """

    def __init__(
        self,
        image_shape: tuple[int, int, int],
        num_classes: int | None = None,
        width: int | None = None,
        widths: Sequence[int] | None = None,
        halvings: int | None = None,
        hidden: Hidden = "paper",
    ) -> None:
        super().__init__(image_shape, width, widths, halvings, hidden)
        self.num_classes = require_classes(self, num_classes)
        self.classes = nn.Linear(self.linear.in_features, self.num_classes)
        nn.init.xavier_uniform_(self.classes.weight)
        nn.init.zeros_(self.classes.bias)

    def forward(self, images: Tensor, labels: Tensor) -> Judgement:  # type: ignore[override]  # as above
        """Logits ``(N, 1)``, and -log p(y | x) of each image ``(N,)``."""
        x = F.relu(self.features(images))
        classes: Tensor = self.classes(x.mean((2, 3)))
        logits: Tensor = self.linear(x.sum((2, 3)))
        return Judgement(logits, F.cross_entropy(classes, labels, reduction="none"))
