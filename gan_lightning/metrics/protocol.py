"""How many images each score looks at: scores of different protocols are not comparable."""

from __future__ import annotations

from gan_lightning.errors import UserError
from gan_lightning.metrics.base import option


class Protocol:
    """Counts of images. The presets bear the names of what they follow; each field can be changed.

    Args:
        is_images: Generated images of the inception score.
        is_splits: Splits that the score is averaged over; the score of each has its own p(y).
        fid_real: Real training images of the FID, a fixed random subset.
        fid_generated: Generated images of the FID.
    """

    def __init__(
        self,
        is_images: int = 50_000,
        is_splits: int = 10,
        fid_real: int = 5_000,
        fid_generated: int = 10_000,
    ) -> None:
        self.is_images = is_images
        self.is_splits = is_splits
        self.fid_real = fid_real
        self.fid_generated = fid_generated
        self._validate()

    @property
    def name(self) -> str:
        """The preset's name; it stands in every result, beside the counts."""
        return type(self).__name__.lower()

    @property
    def generated(self) -> int:
        """How many generated images IS and FID need together; they share them."""
        return max(self.is_images, self.fid_generated)

    def real_count(self, available: int) -> int:
        """How many real images to take of those ``available``.

        Raises:
            UserError: If there are too few: the result would not be that of the protocol.
        """
        if available < self.fid_real:
            raise UserError(
                f"protocol {self.name} wants {self.fid_real} real images, but the dataset has "
                f"{available}. Set {option('protocol.fid_real')} to {available} or less, "
                f"or take {option('protocol')} monitor, which makes do with fewer"
            )
        return self.fid_real

    def _validate(self) -> None:
        """Raises `UserError` for counts that allow no score."""
        for field in ("fid_real", "fid_generated"):
            if getattr(self, field) < 2:
                raise UserError(
                    f"{option('protocol.' + field)} is {getattr(self, field)}; "
                    "a covariance needs at least 2 images"
                )
        if not 1 <= self.is_splits <= self.is_images:
            raise UserError(
                f"{option('protocol.is_splits')} is {self.is_splits}; allowed are 1 to "
                f"{self.is_images}, the number of images in {option('protocol.is_images')}"
            )


class paper(Protocol):
    """BSSN (Lin et al. 2021, H.2): IS of 50,000 in 10 splits, FID of 5,000 real and 10,000."""


class sngan(Protocol):
    """SNGAN (Miyato et al. 2018, B.1): IS of 10 times 5,000, FID of 10,000 real and 5,000."""

    def __init__(
        self,
        is_images: int = 50_000,
        is_splits: int = 10,
        fid_real: int = 10_000,
        fid_generated: int = 5_000,
    ) -> None:
        super().__init__(is_images, is_splits, fid_real, fid_generated)


class literature(Protocol):
    """What most papers report since about 2018: 50,000 images on either side."""

    def __init__(
        self,
        is_images: int = 50_000,
        is_splits: int = 10,
        fid_real: int = 50_000,
        fid_generated: int = 50_000,
    ) -> None:
        super().__init__(is_images, is_splits, fid_real, fid_generated)


class monitor(Protocol):
    """Small and quick, to watch a training run; not for reports.

    Takes all the real images there are where the dataset has fewer than ``fid_real``.
    """

    def __init__(
        self,
        is_images: int = 5_000,
        is_splits: int = 10,
        fid_real: int = 5_000,
        fid_generated: int = 5_000,
    ) -> None:
        super().__init__(is_images, is_splits, fid_real, fid_generated)

    def real_count(self, available: int) -> int:
        """``fid_real``, or all images where there are fewer; two at least.

        Raises:
            UserError: If there are fewer than two.
        """
        if available < 2:
            raise UserError(f"an FID needs at least 2 real images, but the dataset has {available}")
        return min(self.fid_real, available)
