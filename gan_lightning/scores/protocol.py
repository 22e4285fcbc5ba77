"""How many images each score looks at: scores of different protocols are not comparable."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import NamedTuple, Self

from gan_lightning.errors import UserError


class Counts(NamedTuple):
    """The numbers that make a protocol."""

    is_images: int
    is_splits: int
    fid_real: int
    fid_generated: int


class Protocol(ABC):
    """Counts of images. Subclasses are presets that bear the name of what they follow.

    Args:
        is_images: Generated images of the inception score; the preset's number by default.
        is_splits: Splits that the score is averaged over; each is scored by itself.
        fid_real: Real training images of the FID, a fixed random subset.
        fid_generated: Generated images of the FID, the first ones of those of the inception score.
    """

    def __init__(
        self,
        is_images: int | None = None,
        is_splits: int | None = None,
        fid_real: int | None = None,
        fid_generated: int | None = None,
    ) -> None:
        # Not the preset's numbers as defaults: on the command line, they would carry over to
        # another preset chosen there, which would then not be what its name says.
        asked = Counts._fields, (is_images, is_splits, fid_real, fid_generated)
        changes = {field: n for field, n in zip(*asked, strict=True) if n is not None}
        self.counts = self.preset._replace(**changes)
        self._validate()

    @property
    @abstractmethod
    def preset(self) -> Counts:
        """The numbers that the name stands for."""

    @property
    def name(self) -> str:
        """The preset's name, or ``modified ...`` where a number was changed."""
        name = type(self).__name__
        return name if self.counts == self.preset else f"modified {name}"

    def at_most(self, generated: int) -> Self:
        """The same, with no more than so many generated images (at least 2)."""
        counts = self.counts
        return type(self)(
            is_images=min(counts.is_images, generated),
            is_splits=min(counts.is_splits, generated),
            fid_real=counts.fid_real,
            fid_generated=min(counts.fid_generated, generated),
        )

    def real_count(self, available: int) -> int:
        """How many real images to take of those ``available``.

        Raises:
            UserError: If there are too few: the result would not be that of the protocol.
        """
        if available < self.counts.fid_real:
            raise UserError(
                f"protocol {self.name} wants {self.counts.fid_real} real images, but the dataset "
                f"has {available}. Set `fid_real` to {available} or less, or take "
                "protocol monitor, which makes do with fewer"
            )
        return self.counts.fid_real

    def _validate(self) -> None:
        """Raises `UserError` for counts that allow no score."""
        for field in ("fid_real", "fid_generated"):
            count = getattr(self.counts, field)
            if count < 2:
                raise UserError(
                    f"is {count}, but a covariance needs at least 2 images: give 2 or more", field
                )
        if not 1 <= self.counts.is_splits <= self.counts.is_images:
            raise UserError(
                f"is {self.counts.is_splits}, but every split needs an image: give 1 to "
                f"{self.counts.is_images}, the value of `is_images`",
                "is_splits",
            )


class paper(Protocol):
    """BSSN (Lin et al. 2021, H.2): IS of 50,000 in 10 splits; FID of 5,000 real and 10,000."""

    preset = Counts(50_000, 10, 5_000, 10_000)


class sngan(Protocol):
    """SNGAN (Miyato et al. 2018, B.1): IS of 10 times 5,000; FID of 10,000 real and 5,000."""

    preset = Counts(50_000, 10, 10_000, 5_000)


class literature(Protocol):
    """What most papers report since about 2018: 50,000 images on either side."""

    preset = Counts(50_000, 10, 50_000, 50_000)


class monitor(Protocol):
    """Small and quick, to watch a training run; not for reports.

    Takes all the real images there are where the dataset has fewer than ``fid_real``.
    """

    preset = Counts(5_000, 10, 5_000, 5_000)

    def real_count(self, available: int) -> int:
        """``fid_real``, or all images where there are fewer; two at least.

        Raises:
            UserError: If there are fewer than two.
        """
        if available < 2:
            raise UserError(f"an FID needs at least 2 real images, but the dataset has {available}")
        return min(self.counts.fid_real, available)
