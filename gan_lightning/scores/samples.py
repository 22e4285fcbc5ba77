"""Scores that need the samples themselves, not only running sums."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torchmetrics import Metric

from gan_lightning.errors import UserError


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

    def first(self, n: int) -> Samples:
        """The same of the first ``n`` images, or of all where there are fewer."""
        labels = None if self.labels is None else self.labels[:n]
        return Samples(self.features[:n], self.images[:n], labels)


class SampleScore(ABC):
    """A score of samples held in memory, on request beside IS and FID.

    A subclass keeps what it is made with in public attributes: they stand in every record. It gets
    the samples that it asks for and no more, so that it never depends on which other scores are
    asked for.

    Attributes:
        of_features: Whether it reads the features of generated and real images.
        of_images: Whether it reads the generated images.
        of_inception: Whether its bare name means Inception's features, as KID's does; others bear
            the extractor's name, Inception's too.
        of_training: Whether the real samples must be training images.
        count: Number of generated samples it wants.
    """

    of_features: ClassVar[bool] = False
    of_images: ClassVar[bool] = False
    of_inception: ClassVar[bool] = False
    of_training: ClassVar[bool] = False
    count: int

    @abstractmethod
    def __call__(self, generated: Samples, real: Samples) -> dict[str, float]:
        """Scores by name, in Python floats.

        Args:
            generated: The first ``count`` generated samples.
            real: As many real ones as ``real_count`` says.
        """

    def real_count(self, reference: int, available: int) -> int:
        """How many real samples it wants.

        Args:
            reference: Real images that the protocol's FID compares with.
            available: Real images there are.
        """
        return min(self.count, reference)

    def check(self, generated: int, real: int) -> None:
        """Raises `UserError` if so many samples allow no score; asked before training, too."""
        if self.of_features and min(generated, real) < 2:
            raise UserError(
                f"{type(self).__name__} compares samples with one another, but there are only "
                f"{generated} generated and {real} real ones: give 2 or more of each"
            )

    @property
    def settings(self) -> dict[str, float | str]:
        """What it was made with, by name."""
        arguments = {k: v for k, v in vars(self).items() if not k.startswith("_")}
        return {k: v if isinstance(v, int | float | str) else repr(v) for k, v in arguments.items()}


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
        """All rows over all processes; a single number without axes, as torchmetrics has it."""
        return self.rows

    def table(self) -> Tensor:
        """All rows over all processes, ``(count, *row)``."""
        rows: Tensor = self.compute()
        return rows.view_as(self.rows)


def _sum_same_type(stacked: Tensor) -> Tensor:
    """Sums over processes without widening uint8 to int64: at most one term is not zero."""
    return stacked.sum(0, dtype=stacked.dtype)
