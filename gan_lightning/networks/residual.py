"""The residual blocks of SNGAN's and BSSN's ResNets (BSSN Tables 9, 11, 12 and 13)."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from gan_lightning.networks.folding import doubled, halved


def _convolved(layer: nn.Module, x: Tensor) -> Tensor:
    made: Tensor = layer(x)
    return made


class UpBlock(nn.Module):
    """BN, ReLU, doubling, 3x3, BN, ReLU, 3x3; beside it doubling, 1x1 (BSSN Table 9).

    Args:
        before: Channels of the input.
        after: Channels of both convolutions.
        eps: Of batch normalization.
    """

    def __init__(self, before: int, after: int, eps: float) -> None:
        super().__init__()
        self.norm1: nn.Module = nn.BatchNorm2d(before, eps)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.norm2: nn.Module = nn.BatchNorm2d(after, eps)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor, *labels: Tensor) -> Tensor:
        """``(N, C, H, W) -> (N, C', 2 H, 2 W)``; labels are for norms that take them."""
        h = doubled(self.conv1, F.relu(self.norm1(x, *labels)))
        h = _convolved(self.conv2, F.relu(self.norm2(h, *labels)))
        return h + doubled(self.shortcut, x)


class Block(nn.Module):
    """ReLU, 3x3, ReLU, 3x3; beside it 1x1, or nothing (BSSN Tables 11 and 13).

    Args:
        before: Channels of the input.
        hidden: Channels of the first convolution.
        after: Channels of the second convolution and of the shortcut.
        halve: Whether both ways end in 2x2 means.
        shortcut: Whether there is a 1x1 convolution even if input and output have the same shape.
    """

    def __init__(self, before: int, hidden: int, after: int, halve: bool, shortcut: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, hidden, 3, padding=1)
        self.conv2 = nn.Conv2d(hidden, after, 3, padding=1)
        straight = before == after and not halve and not shortcut
        self.shortcut = nn.Identity() if straight else nn.Conv2d(before, after, 1)
        self.halve = halve

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W) -> (N, C', H, W)``, or ``(N, C', H // 2, W // 2)``."""
        h = F.relu(self.conv1(F.relu(x)))
        last = halved if self.halve else _convolved
        return last(self.conv2, h) + last(self.shortcut, x)


class FirstBlock(nn.Module):
    """3x3, ReLU, 3x3, 2x2 means; beside it 2x2 means, 1x1 (BSSN Table 12).

    Args:
        before: Channels of the image.
        after: Channels of all three convolutions.
    """

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1)
        self.shortcut = nn.Conv2d(before, after, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W) -> (N, C', H // 2, W // 2)``."""
        h = halved(self.conv2, F.relu(self.conv1(x)))
        shortcut: Tensor = self.shortcut(F.avg_pool2d(x, 2))
        return h + shortcut


def initialize_(network: nn.Module) -> None:
    """Xavier-uniform weights, of gain sqrt(2) for the 3x3 convolutions of blocks; biases 0.

    As in the code of both papers.
    """
    inner = {
        layer
        for block in network.modules()
        if isinstance(block, UpBlock | Block | FirstBlock)
        for layer in (block.conv1, block.conv2)
    }
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear | nn.Embedding):
            nn.init.xavier_uniform_(module.weight, gain=2**0.5 if module in inner else 1.0)
        if isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            nn.init.zeros_(module.bias)
