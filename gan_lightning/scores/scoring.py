"""Scores of a set of images: one pass of the extractor, all scores, and what they rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from gan_lightning.distributed import first_then_others, on_all, on_first
from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor, option
from gan_lightning.scores.extraction import Totals, Wanted, extract
from gan_lightning.scores.fid import frechet_distance
from gan_lightning.scores.protocol import Protocol
from gan_lightning.scores.samples import Samples, SampleScore
from gan_lightning.scores.sources import Images, ImageSource
from gan_lightning.scores.statistics import (
    Real,
    RealStatistics,
    imported_statistics,
    real_statistics,
)


@dataclass(frozen=True)
class Result:
    """Scores with all that they depend on, so that no two numbers can be mixed up.

    Attributes:
        scores: By name; names of another extractor's than Inception bear that extractor's.
        counts: How many images each score looked at.
        facts: Protocol, extractor, its fingerprint, and the real data.
    """

    scores: dict[str, float]
    counts: dict[str, int]
    facts: dict[str, str] = field(default_factory=dict)

    def row(self) -> dict[str, float]:
        """Scores and counts: all that is a number."""
        return {**self.scores, **self.counts}

    def to_dict(self) -> dict[str, float | int | str]:
        """Everything, flat."""
        return {**self.scores, **self.counts, **self.facts}


@dataclass(frozen=True)
class Judge:
    """What it takes to score images: extractor, protocol, scores and where real statistics are.

    Args:
        extractor: Judges the images.
        protocol: How many images each score looks at.
        metrics: Scores beside IS and FID.
        cache: Folder of real statistics; ``None`` keeps none.
        real: An npz file of ``mu`` and ``sigma`` to compare with, in place of the dataset.
        real_count: Number of images that file was made from, if it doesn't say.
    """

    extractor: FeatureExtractor
    protocol: Protocol
    metrics: Sequence[SampleScore] = ()
    cache: Path | None = None
    real: Path | None = None
    real_count: int | None = None

    def prepare(self, image_shape: tuple[int, int, int]) -> None:
        """Finds, before anything is trained, what would go wrong when it is evaluated.

        Raises:
            UserError: On all processes, if weights are missing, files wrong or images unfit.
        """
        first_then_others(self.extractor.prepare)
        self.extractor.check(image_shape)
        if self.real is not None:
            on_all(self._imported)

    def with_images(self, count: int) -> Judge:
        """The same, for a set of only ``count`` images."""
        return replace(
            self,
            protocol=self.protocol.at_most(count),
            metrics=[m for m in self.metrics if m.count <= count],
        )

    def statistics(
        self, images: Images, fingerprint: str, device: torch.device, progress: str | None = None
    ) -> RealStatistics:
        """Statistics of the real images: imported, cached or computed.

        Args:
            images: The real training images, uint8 ``(N, channels, height, width)``.
            fingerprint: Of dataset, preprocessing and split.
            device: Where to run the extractor.
            progress: Title of a progress bar, or ``None`` for none.
        """
        if self.real is not None:
            return self._imported()
        real = self.subset_of(images, fingerprint)
        return real_statistics(real, self.extractor, self.cache, device, progress)

    def subset_of(self, images: Images, fingerprint: str) -> Real:
        """The part of the real images that the protocol compares with."""
        count = self.protocol.real_count(len(images))
        kept = max((m.count for m in self.metrics if m.of_features), default=0)
        return Real(images, fingerprint, count, min(kept, count))

    def score(
        self,
        source: ImageSource,
        real: RealStatistics,
        device: torch.device,
        progress: str | None = None,
        prefix: str = "",
    ) -> Result:
        """Scores images; every process must call this, and all get the same result.

        Args:
            source: The images.
            real: What to compare with.
            device: Where to run the extractor.
            progress: Title of a progress bar, or ``None`` for none.
            prefix: Put before every score's name.

        Raises:
            UserError: If there are too few images, or some are invalid.
        """
        self.check_count(len(source))
        totals = extract(source, self.extractor, self.wanted, device, progress)
        scores = self._scores(totals, source, real)
        name = self.extractor.name
        prefix += "" if name == "inception" else f"{name}_"
        return Result(
            {prefix + key: value for key, value in scores.items()},
            self._counts(real),
            {
                "protocol": self.protocol.name,
                "extractor": name,
                "extractor_fingerprint": self.extractor.fingerprint,
                "real": real.source,
            },
        )

    @property
    def wanted(self) -> Wanted:
        """How many generated images each score looks at."""
        return Wanted(
            moments=self.protocol.counts.fid_generated,
            inception=self.protocol.counts.is_images,
            splits=self.protocol.counts.is_splits,
            features=max((m.count for m in self.metrics if m.of_features), default=0),
            images=max((m.count for m in self.metrics if m.of_images), default=0),
        )

    def _scores(
        self, totals: Totals, source: ImageSource, real: RealStatistics
    ) -> dict[str, float]:
        """Combines the processes' sums, and has the first process do the arithmetic for all."""
        mean, std = (float(value) for value in totals.inception.compute())
        gaussian = totals.moments.gaussian()
        generated = Samples(
            totals.features.compute(),
            totals.images.compute(),
            None if source.labels is None else torch.from_numpy(source.labels),
        )
        samples = Samples(real.features.to(generated.features.device), torch.zeros(0))

        def arithmetic() -> dict[str, float]:
            scores = {
                "fid": frechet_distance(real.gaussian.to(gaussian.mean.device), gaussian),
                "is_mean": mean,
                "is_std": std,
            }
            for metric in self.metrics:
                scores |= metric(generated, samples)
            return scores

        return on_first(arithmetic)

    def _counts(self, real: RealStatistics) -> dict[str, int]:
        """The numbers of images, under names that no score has."""
        counts = {
            "fid_real": real.gaussian.n,
            "fid_generated": self.protocol.counts.fid_generated,
            "is_images": self.protocol.counts.is_images,
            "is_splits": self.protocol.counts.is_splits,
        }
        return counts | {f"{type(m).__name__}_count": m.count for m in self.metrics}

    def check_count(self, available: int) -> None:
        """Raises `UserError` if there are fewer images than the scores look at."""
        if available < self.wanted.count:
            raise UserError(
                f"{available} images are too few: protocol {self.protocol.name} and the metrics "
                f"asked for look at {self.wanted.count}. Give more, or lower "
                f"{option('protocol.is_images')} (now {self.protocol.counts.is_images}), "
                f"protocol.fid_generated ({self.protocol.counts.fid_generated}), metrics' counts"
            )

    def _imported(self) -> RealStatistics:
        assert self.real is not None
        statistics = imported_statistics(self.real, self.real_count, self.extractor)
        if len(statistics.features) == 0 and any(m.of_features for m in self.metrics):
            raise UserError(
                f"{self.real} holds no features of single images, which kid and precision_recall "
                f"need: leave out {option('real')}, or those metrics"
            )
        return statistics
