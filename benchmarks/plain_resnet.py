"""The ResNets as one writes them from the tables: every layer called, nothing folded."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.networks.residual import Block, FirstBlock, UpBlock


def unfolded(network: nn.Module) -> nn.Module:
    """Puts the blocks below in the place of the project's, around the same layers.

    The names of the parameters stay, so that a state of one network loads into the other.
    """
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            for kind, plain in PLAIN.items():
                if type(child) is kind:
                    setattr(parent, name, plain(child))
    return network


def _repeat(x: Tensor) -> Tensor:
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


class _Plain(nn.Module):
    """A block of the same layers."""

    norm1: nn.Module
    conv1: nn.Module
    norm2: nn.Module
    conv2: nn.Module
    shortcut: nn.Module

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        self.halve = isinstance(block, Block) and block.halve
        for name, layer in block.named_children():
            self.add_module(name, layer)

    def _pool(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2) if self.halve else x


class PlainUpBlock(_Plain):
    """BSSN Table 9."""

    def forward(self, x: Tensor, *labels: Tensor) -> Tensor:
        """Direct connection plus shortcut."""
        h = self.conv1(_repeat(F.relu(self.norm1(x, *labels))))
        h = self.conv2(F.relu(self.norm2(h, *labels)))
        out: Tensor = h + self.shortcut(_repeat(x))
        return out


class PlainBlock(_Plain):
    """BSSN Tables 11 and 13."""

    def forward(self, x: Tensor) -> Tensor:
        """Direct connection plus shortcut."""
        h = self.conv2(F.relu(self.conv1(F.relu(x))))
        return self._pool(h) + self._pool(self.shortcut(x))


class PlainFirstBlock(_Plain):
    """BSSN Table 12."""

    def forward(self, x: Tensor) -> Tensor:
        """Direct connection plus shortcut."""
        h = self.conv2(F.relu(self.conv1(x)))
        out: Tensor = F.avg_pool2d(h, 2) + self.shortcut(F.avg_pool2d(x, 2))
        return out


PLAIN: dict[type[nn.Module], type[_Plain]] = {
    UpBlock: PlainUpBlock,
    Block: PlainBlock,
    FirstBlock: PlainFirstBlock,
}
