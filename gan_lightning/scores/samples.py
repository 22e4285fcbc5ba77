"""Scores that need the samples themselves, not only running sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric


@dataclass(frozen=True)
class Samples:
    """What is kept of a set of images, in the order of their indices.

    Attributes:
        features: float32 ``(N, F)``; empty if no score asked for them.
        images: uint8 ``(N, channels, height, width)``; empty if no score asked for them.
        labels: int64 ``(N,)`` with each image's class, or ``None`` if it is unknown.
    """

    features: Tensor
    images: Tensor
    labels: Tensor | None = None


class SampleScore(ABC):
    """A score of samples held in memory, on request beside IS and FID.

    Attributes:
        of_features: Whether it reads the features of generated and real images.
        of_images: Whether it reads the generated images.
        count: Number of samples it wants.
    """

    of_features: ClassVar[bool] = False
    of_images: ClassVar[bool] = False
    count: int

    @abstractmethod
    def __call__(self, generated: Samples, real: Samples) -> dict[str, float]:
        """Scores by name, in Python floats.

        Args:
            generated: ``count`` generated samples or more.
            real: Real ones; as many, or all there are.
        """


class SampleBank(Metric):
    """Rows by global index: every process fills its own, and the sum holds them all.

    Rows are addressed, not appended, so that uneven and empty processes end in the same order.

    Args:
        count: Number of rows; rows of higher index are left out.
        row: Shape of one row.
        dtype: Type of its elements.
    """

    full_state_update = False
    rows: Tensor

    def __init__(self, count: int, row: tuple[int, ...], dtype: torch.dtype) -> None:
        super().__init__()
        self.count = count
        zeros = torch.zeros(count, *row, dtype=dtype)
        self.add_state("rows", zeros, dist_reduce_fx=_sum_same_type)

    def update(self, values: Tensor, index: Tensor) -> None:
        """Keeps ``values`` ``(N, *row)`` under their global ``index`` ``(N,)``; N may be 0."""
        kept = index < self.count
        self.rows[index[kept]] = values[kept].to(self.rows.dtype)

    def compute(self) -> Tensor:
        """All rows, ``(count, *row)``, over all processes."""
        return self.rows


def _sum_same_type(stacked: Tensor) -> Tensor:
    """Sums over processes without widening uint8 to int64: at most one term is not zero."""
    return stacked.sum(0, dtype=stacked.dtype)
