"""The papers' tables of ResNets, transcribed."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from tests.networks.made import described, layers

Row = tuple[int, int, int, int]
"""Kernel, stride, channels and height of what comes out; a linear layer has kernel 0."""


class Table(NamedTuple):
    """A table of a paper, transcribed: its dense layer, then its blocks; their channels."""

    size: int
    dense: tuple[int, int]  # side, channels
    up: list[int]
    down: list[int]
    same: list[int]


TABLES = [
    Table(32, (4, 256), [256] * 3, [128] * 2, [128] * 2),  # SNGAN Table 4
    Table(48, (6, 512), [256, 128, 64], [64, 128, 256, 512], [1024]),  # SNGAN Table 5
    # SNGAN's code for this size
    Table(64, (4, 1024), [512, 256, 128, 64], [64, 128, 256, 512, 1024], []),
    # BSSN Tables 8 and 10
    Table(128, (4, 1024), [1024, 512, 256, 128, 64], [64, 128, 256, 512, 1024], [1024]),
]


def conv(kernel: int, before: int, after: int) -> int:
    return kernel**2 * before * after + after


def up(before: int, after: int, side: int) -> tuple[list[Row], int]:
    """BSSN Table 9: layers in the order of use, and parameters with two batch normalizations."""
    rows = [(3, 1, after, 2 * side), (3, 1, after, 2 * side), (1, 1, after, 2 * side)]
    return rows, conv(3, before, after) + conv(3, after, after) + conv(1, before, after) + 2 * (
        before + after
    )


def down(before: int, hidden: int, after: int, side: int, first: bool) -> tuple[list[Row], int]:
    """BSSN Tables 11 and 12; the shortcut's convolution comes before the mean, or behind it."""
    shortcut = (1, 1, after, side // 2 if first else side)
    rows = [(3, 1, hidden, side), (3, 1, after, side), shortcut]
    weights = conv(3, before, hidden) + conv(3, hidden, after) + conv(1, before, after)
    return rows, weights


def same(before: int, hidden: int, after: int, side: int, beside: bool) -> tuple[list[Row], int]:
    """BSSN Table 13; SNGAN's code has no convolution beside a block of equal widths."""
    rows, weights = down(before, hidden, after, side, first=False)
    return (rows, weights) if beside else (rows[:2], weights - conv(1, before, after))


def generator_of(table: Table) -> tuple[list[Row], int]:
    side, before = table.dense
    rows: list[Row] = [(0, 1, side**2 * before, 1)]
    weights = 129 * side**2 * before
    for after in table.up:
        more, count_ = up(before, after, side)
        rows, weights, before, side = rows + more, weights + count_, after, 2 * side
    assert side == table.size
    return [*rows, (3, 1, 3, side)], weights + 2 * before + conv(3, before, 3)


def discriminator_of(table: Table, hidden: str) -> tuple[list[Row], int]:
    side, before, weights = table.size, 3, 0
    rows: list[Row] = []
    for k, after in enumerate(table.down + table.same):
        inner = after if hidden == "paper" or k == 0 else before
        if k < len(table.down):
            more, count_ = down(before, inner, after, side, first=k == 0)
            side //= 2
        else:
            more, count_ = same(before, inner, after, side, before != after or table.size == 128)
        rows, weights, before = rows + more, weights + count_, after
    return [*rows, (0, 1, 1, 1)], weights + before + (table.size != 32)  # no bias at 32


def heard(network: nn.Module, *inputs: Tensor) -> list[Row]:
    return [described(*pair) for pair in layers(network, *inputs)]
