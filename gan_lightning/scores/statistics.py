"""Statistics of the real images: computed once, and kept in a file."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_lightning.distributed import on_first
from gan_lightning.errors import UserError, reading
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.files import json_sha256, whole
from gan_lightning.scores.extraction import Wanted, extract
from gan_lightning.scores.fid import Gaussian
from gan_lightning.scores.sources import ArrayImages, Images
from gan_lightning.streams import stream


@dataclass(frozen=True)
class RealStatistics:
    """What scores need to know of the real images.

    Attributes:
        gaussian: Moments of their features.
        features: float32 ``(m, F)``, of the first m real images in their fixed random order; m is
            0 unless scores ask for more.
        source: Where they come from: the dataset's fingerprint, or the name and digest of a file.
    """

    gaussian: Gaussian
    features: Tensor
    source: str


@dataclass(frozen=True)
class Real:
    """A set of real images and the part of it that scores compare with.

    Attributes:
        images: uint8 ``(N, channels, height, width)``, possibly memory-mapped.
        fingerprint: Of the dataset, its preprocessing and its split.
        count: Size of the subset that moments are of, drawn once for all seeds.
        features: How many features to keep, for scores of samples.
    """

    images: Images
    fingerprint: str
    count: int
    features: int = 0

    def subset(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The indices of the images compared with: the same for every run, in random order."""
        return self.order()[: self.count]

    def unseen(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The indices of the images that no score looks at, sorted."""
        return np.sort(self.order()[max(self.count, self.features) :])

    def order(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """All indices in a random order, the same for every run, that begins with the subset."""
        return stream(0, "real images", 0).permutation(len(self.images))

    def identity(self, extractor: FeatureExtractor) -> dict[str, Any]:
        """All that the statistics depend on."""
        return {
            "data": self.fingerprint,
            "count": self.count,
            "features": self.features,
            "subset": "philox permutation, seed 0",
            "extractor": extractor.fingerprint,
        }


def real_statistics(
    real: Real,
    extractor: FeatureExtractor,
    cache: Path | None,
    device: torch.device,
    progress: str | None = None,
) -> RealStatistics:
    """The statistics of a real subset, from the cache if they are there, else put there.

    Every process must call this. Only the first reads and writes files.

    Args:
        real: The images.
        extractor: A prepared extractor.
        cache: Folder of the statistics, or ``None`` to keep nothing.
        device: Where to run the extractor.
        progress: Title of a progress bar, or ``None`` for none.

    Raises:
        UserError: If the file in the cache is damaged, or of something else than its name says.
    """
    identity = real.identity(extractor)
    path = cache and cache / _file_name(extractor.name, identity)
    found = on_first(lambda: _load_cached(path, identity) if path and path.exists() else None)
    if found is not None:
        return found
    totals = extract(
        ArrayImages(real.images, real.order()),
        extractor,
        Wanted(moments=real.count, features=real.features),
        device,
        progress,
    )
    features = totals.features.table().cpu()
    statistics = RealStatistics(totals.moments.gaussian(), features, real.fingerprint)
    on_first(lambda: _save(path, statistics, identity) if path else None)
    return statistics


def _load_cached(path: Path, identity: dict[str, Any]) -> RealStatistics:
    arrays = read_npz(path, "delete it: statistics of a dataset are computed anew")
    if identity_of(arrays) != identity:
        raise UserError(
            f"{path} holds other statistics than its name says (another extractor, dataset or "
            f"subset). Delete it, or choose another folder by `cache`"
        )
    gaussian = Gaussian(
        identity["count"], torch.from_numpy(arrays["mu"]), torch.from_numpy(arrays["sigma"])
    )
    return RealStatistics(gaussian, torch.from_numpy(arrays["features"]), identity["data"])


def _save(path: Path, statistics: RealStatistics, identity: dict[str, Any]) -> None:
    """Writes the file whole or not at all: a reader never finds half of it."""
    try:
        with whole(path) as file:
            np.savez(
                file,
                mu=statistics.gaussian.mean.cpu().numpy(),
                sigma=statistics.gaussian.covariance.cpu().numpy(),
                n=statistics.gaussian.n,
                features=statistics.features.numpy(),
                fingerprint=json.dumps(identity, sort_keys=True),
            )
    except OSError as error:
        raise UserError(
            f"cannot write the statistics of the real images to {path}: {error.strerror}. "
            "Choose another folder by `cache`"
        ) from error


def read_npz(path: Path, remedy: str) -> dict[str, Any]:
    """All arrays of a file of statistics.

    Args:
        path: The file.
        remedy: What to do with a damaged one.

    Raises:
        UserError: If it cannot be read, or has no ``mu`` and ``sigma``.
    """

    def refusal(said: str) -> UserError:
        return UserError(f"cannot read the statistics {path} ({said}). If damaged, {remedy}")

    with reading(refusal), path.open("rb") as opened, np.load(opened) as file:
        arrays = dict(file)
    if not {"mu", "sigma"} <= arrays.keys():
        raise UserError(f"{path} has the keys {sorted(arrays)}, but needs mu and sigma")
    return arrays


def identity_of(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says it was made from; empty for files of other projects."""
    try:
        identity = json.loads(str(arrays["fingerprint"]))
    except (KeyError, ValueError):
        return {}
    known = isinstance(identity, dict) and {"data", "count", "extractor"} <= identity.keys()
    return identity if known else {}


def _file_name(extractor: str, identity: dict[str, Any]) -> str:
    return f"{re.sub('[^A-Za-z0-9_-]', '_', extractor)}-{json_sha256(identity)[:16]}.npz"
