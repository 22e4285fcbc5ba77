"""Scores of a set of images: one pass of the extractor, all scores, and what they rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

from gan_lightning.distributed import first_then_others, on_all, on_first
from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.scores.extraction import Totals, Wanted, extract
from gan_lightning.scores.fid import frechet_distance
from gan_lightning.scores.foreign import RESIZES, imported_statistics
from gan_lightning.scores.protocol import Protocol
from gan_lightning.scores.record import Fact, Result, circumstances
from gan_lightning.scores.samples import Samples, SampleScore
from gan_lightning.scores.sources import BLOCK, Images, ImageSource
from gan_lightning.scores.statistics import Real, RealStatistics, real_statistics

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Judge:
    """What it takes to score images: extractor, protocol, scores and where real statistics are.

    Args:
        extractor: Judges the images.
        protocol: How many images each score looks at.
        metrics: Scores beside IS and FID, each at most once.
        cache: Folder of real statistics; ``None`` keeps none.
        real: An npz file of ``mu`` and ``sigma`` to compare with, in place of the dataset.
        real_count: Number of images that file was made from, if it doesn't say.
        real_resize: How the file's images were resized for Inception, if it doesn't say.
        reference: The dataset's split to compare with, "train" as the papers do, or "test".

    Raises:
        UserError: If a score is asked for twice, when one would take the other's name, or needs
            training images that it does not get.
    """

    extractor: FeatureExtractor
    protocol: Protocol
    metrics: Sequence[SampleScore] = ()
    cache: Path | None = None
    real: Path | None = None
    real_count: int | None = None
    real_resize: str | None = None
    reference: Split = "train"

    def __post_init__(self) -> None:
        """Refuses scores that cannot be asked for together."""
        training = [type(m).__name__ for m in self.metrics if m.of_training]
        if self.reference != "train" and training:
            raise UserError(
                f"is {self.reference}, but {training[0]} compares with training images: leave one "
                "of them out",
                "reference",
            )
        if self.real_resize not in (None, *RESIZES):
            raise UserError(f"is {self.real_resize}: give {' or '.join(RESIZES)}", "real_resize")
        if self.real_count is not None and self.real_count < 2:
            raise UserError(f"is {self.real_count}: give 2 or more", "real_count")
        names = Counter(type(metric).__name__ for metric in self.metrics)
        if names and (most := names.most_common(1)[0])[1] > 1:
            raise UserError(f"has {most[0]} twice: ask for each score once", "metrics")

    def prepare(self, image_shape: tuple[int, int, int]) -> None:
        """Finds, before anything is trained, what would go wrong when it is evaluated.

        Raises:
            UserError: On all processes, if weights are missing, files wrong or images unfit.
        """
        first_then_others(self.extractor.prepare)
        self.extractor.check(image_shape)
        if self.real is not None:
            real = on_all(lambda: self._imported)
            self._check_samples(real.gaussian.n, len(real.features))

    def check_real(self, available: int) -> None:
        """Raises `UserError` if there are fewer real images than the scores need."""
        self._check_samples(self.protocol.real_count(available), available)

    def check_count(self, available: int) -> None:
        """Raises `UserError` if there are fewer images than the scores look at.

        The extractor has to be prepared: its weights may say how many classes it has.
        """
        if available < self.wanted.count:
            raise UserError(
                f"{available} images are too few: protocol {self.protocol.name} and the metrics "
                f"asked for look at {self.wanted.count}. Give more, or lower "
                f"`protocol.is_images` (now {self.protocol.counts.is_images}), "
                f"`protocol.fid_generated` ({self.protocol.counts.fid_generated}), metrics' counts"
            )

    def keeping_in(self, cache: Path | None) -> Judge:
        """The same, with another folder of real statistics."""
        return replace(self, cache=cache)

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
        """Statistics of the dataset's images, from the cache or computed.

        Args:
            images: The real images, uint8 ``(N, channels, height, width)``.
            fingerprint: Of dataset, preprocessing and split.
            device: Where to run the extractor.
            progress: Title of a progress bar, or ``None`` for none.
        """
        real = self.subset_of(images, fingerprint)
        return real_statistics(real, self.extractor, self.cache, device, progress)

    def imported(self) -> RealStatistics:
        """Statistics of the file in place of the dataset."""
        return self._imported

    def subset_of(self, images: Images, fingerprint: str) -> Real:
        """The part of the real images that the scores compare with."""
        self.check_real(len(images))
        count = self.protocol.real_count(len(images))
        kept = (m.real_count(count, len(images)) for m in self.metrics if m.of_features)
        return Real(images, fingerprint, count, max(kept, default=0))

    def score(
        self,
        source: ImageSource,
        real: RealStatistics,
        device: torch.device,
        progress: str | None = None,
        prefix: str = "",
        facts: Mapping[str, Fact] | None = None,
    ) -> Result:
        """Scores images; every process must call this, and all get the same result.

        Args:
            source: The images.
            real: What to compare with.
            device: Where to run the extractor.
            progress: Title of a progress bar, or ``None`` for none.
            prefix: Put before every score's name.
            facts: What is known of the images' origin, for the record.

        Raises:
            UserError: If there are too few images, or some are invalid.
        """
        self.check_count(len(source))
        totals = extract(source, self.extractor, self.wanted, device, progress)
        scores = self._scores(totals, source, real)
        return Result(
            {prefix + name: value for name, value in scores.items()},
            self._counts(real),
            {
                "protocol": self.protocol.name,
                "extractor": self.extractor.name,
                "extractor_fingerprint": self.extractor.fingerprint,
                "real": real.source,
                "images_fingerprint": totals.fingerprint(),
                **self._settings(),
                **circumstances(device),
                **(facts or {}),
            },
        )

    @property
    def wanted(self) -> Wanted:
        """How many generated images each score looks at."""
        classes = self.extractor.num_classes > 0
        return Wanted(
            moments=self.protocol.counts.fid_generated,
            inception=self.protocol.counts.is_images if classes else 0,
            splits=self.protocol.counts.is_splits,
            features=max((m.count for m in self.metrics if m.of_features), default=0),
            images=max((m.count for m in self.metrics if m.of_images), default=0),
        )

    @property
    def fid_name(self) -> str:
        """The name of the FID."""
        return self._name("fid", of_inception=True)

    @property
    def to_generate(self) -> int:
        """How many images a generator is to make: whole blocks, see `Wanted.blocks`."""
        return self.wanted.blocks * BLOCK

    @cached_property
    def _imported(self) -> RealStatistics:
        assert self.real is not None
        statistics = imported_statistics(
            self.real, self.real_count, self.extractor, self.real_resize
        )
        asking = [type(m).__name__ for m in self.metrics if m.of_features]
        if len(statistics.features) == 0 and asking:
            raise UserError(
                f"{self.real} holds no features of single images, which {' and '.join(asking)} "
                "need: leave out `real`, or those metrics"
            )
        return statistics

    def _check_samples(self, reference: int, available: int) -> None:
        for metric in self.metrics:
            metric.check(metric.count, min(metric.real_count(reference, available), available))

    def _scores(
        self, totals: Totals, source: ImageSource, real: RealStatistics
    ) -> dict[str, float]:
        """Combines the processes' sums, and has the first process do the arithmetic for all."""
        gaussian = totals.moments.gaussian()
        scores: dict[str, float] = {}
        if self.extractor.num_classes:
            mean, std = (float(value) for value in totals.inception.compute())
            scores = {"is_mean": mean, "is_std": std}
        labels = None if source.labels is None else torch.from_numpy(source.labels)
        generated = Samples(totals.features.table(), totals.images.table(), labels)
        features = real.features.to(generated.features.device)

        def arithmetic() -> dict[str, float]:
            fid = frechet_distance(real.gaussian.to(gaussian.mean.device), gaussian)
            found = {self._name(name, True): v for name, v in ({"fid": fid} | scores).items()}
            for metric in self.metrics:
                own = features[: self._real_count(metric, real)]
                values = metric(generated.first(metric.count), Samples(own, torch.zeros(0)))
                for name, value in values.items():
                    by_name = metric.of_inception or not metric.of_features
                    found[self._name(name, by_name, metric.of_features)] = value
            return found

        return on_first(arithmetic)

    def _name(self, score: str, of_inception: bool, of_features: bool = True) -> str:
        """The score's name, which says whose features it is of where that is not understood."""
        understood = of_inception and self.extractor.name == "inception"
        return score if understood or not of_features else f"{self.extractor.name}_{score}"

    def _real_count(self, metric: SampleScore, real: RealStatistics) -> int:
        """How many real samples a score gets, whatever others asked for."""
        available = len(real.features)
        return min(metric.real_count(real.gaussian.n, available), available)

    def _counts(self, real: RealStatistics) -> dict[str, int]:
        """The numbers of images, under names that no score has."""
        counts = {
            "fid_real": real.gaussian.n,
            "fid_generated": self.protocol.counts.fid_generated,
        }
        if self.extractor.num_classes:
            counts["is_images"] = self.protocol.counts.is_images
            counts["is_splits"] = self.protocol.counts.is_splits
        for metric in self.metrics:
            name = type(metric).__name__
            counts[f"{name}_count"] = metric.count
            if metric.of_features:
                counts[f"{name}_real"] = self._real_count(metric, real)
        return counts

    def _settings(self) -> dict[str, Fact]:
        """What each score was made with, beside its counts."""
        return {
            f"{type(metric).__name__}_{name}": value
            for metric in self.metrics
            for name, value in metric.settings.items()
            if name != "count"
        }
