"""Statistics of the real images: computed once, kept in a file, or imported."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor

from gan_lightning.distributed import on_first
from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor, option
from gan_lightning.scores.extraction import Wanted, extract
from gan_lightning.scores.fid import Gaussian
from gan_lightning.scores.sources import ArrayImages, Images
from gan_lightning.streams import stream


@dataclass(frozen=True)
class RealStatistics:
    """What scores need to know of the real images.

    Attributes:
        gaussian: Moments of their features.
        features: float32 ``(m, F)``, the first m of the subset; m is 0 unless scores ask for more.
        source: Where they come from: the dataset's fingerprint, or the name of a file.
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
        count: Size of the subset, drawn once for all seeds.
        features: How many of the subset's features to keep, for scores of samples.
    """

    images: Images
    fingerprint: str
    count: int
    features: int = 0

    def subset(self) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
        """The indices of the images compared with: the same for every run, in random order."""
        return stream(0, "real images", 0).permutation(len(self.images))[: self.count]

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
        ArrayImages(real.images, real.subset()),
        extractor,
        Wanted(moments=real.count, features=real.features),
        device,
        progress,
    )
    features = totals.features.compute().cpu()
    statistics = RealStatistics(totals.moments.gaussian(), features, real.fingerprint)
    on_first(lambda: _save(path, statistics, identity) if path else None)
    return statistics


def imported_statistics(
    path: Path, count: int | None, extractor: FeatureExtractor
) -> RealStatistics:
    """Statistics of a file that this project, pytorch-fid or clean-fid wrote.

    Args:
        path: An npz file with ``mu`` ``(F,)`` and ``sigma`` ``(F, F)``.
        count: Number of images it was made from; this project's files know it themselves.
        extractor: Must be the one that the file was made with.

    Raises:
        UserError: If it cannot be read, or was made with another extractor.
    """
    arrays = _read_npz(path)
    identity = _identity_of(arrays)
    if identity and identity["extractor"] != extractor.fingerprint:
        raise UserError(
            f"{path} holds statistics of another extractor (fingerprint {identity['extractor']}) "
            f"than {extractor.name} ({extractor.fingerprint}). Choose the extractor it was made "
            f"with by {option('extractor')}, or leave out {option('real')} to compute new ones"
        )
    if not identity and not extractor.name.startswith("inception"):
        raise UserError(
            f"{path} does not say what it was made with, and files of pytorch-fid and clean-fid "
            f"hold statistics of Inception, not of {extractor.name}. Take "
            f"{option('extractor')} inception, or leave out {option('real')}"
        )
    n = identity["count"] if identity else count
    if n is None or n < 2:
        raise UserError(
            f"{path} does not say how many images it was made from: give {option('real_count')}, "
            "2 or more"
        )
    return _checked(arrays, n, extractor, path)


def _checked(
    arrays: Mapping[str, Any], n: int, extractor: FeatureExtractor, path: Path
) -> RealStatistics:
    """Statistics from a file's arrays, once their shapes and values are those of moments."""
    mean = torch.from_numpy(np.asarray(arrays["mu"], dtype=np.float64))
    covariance = torch.from_numpy(np.asarray(arrays["sigma"], dtype=np.float64))
    size = extractor.num_features
    if mean.shape != (size,) or covariance.shape != (size, size):
        raise UserError(
            f"{path} holds mu {tuple(mean.shape)} and sigma {tuple(covariance.shape)}, but "
            f"{extractor.name} has {size} features: it was made with another extractor"
        )
    if not (mean.isfinite().all() and covariance.isfinite().all()):
        raise UserError(f"{path} holds NaN or infinite values; make it anew")
    features = torch.from_numpy(np.asarray(arrays.get("features", np.zeros((0, size), np.float32))))
    return RealStatistics(Gaussian(n, mean, covariance), features, path.name)


def _load_cached(path: Path, identity: dict[str, Any]) -> RealStatistics:
    arrays = _read_npz(path)
    if _identity_of(arrays) != identity:
        raise UserError(
            f"{path} holds other statistics than its name says (another extractor, dataset or "
            f"subset). Delete it, or choose another folder with {option('cache')}"
        )
    gaussian = Gaussian(
        identity["count"], torch.from_numpy(arrays["mu"]), torch.from_numpy(arrays["sigma"])
    )
    return RealStatistics(gaussian, torch.from_numpy(arrays["features"]), identity["data"])


def _save(path: Path, statistics: RealStatistics, identity: dict[str, Any]) -> None:
    """Writes the file under another name, then renames it: a reader never finds half of it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as file:
            np.savez(
                file,
                mu=statistics.gaussian.mean.cpu().numpy(),
                sigma=statistics.gaussian.covariance.cpu().numpy(),
                n=statistics.gaussian.n,
                features=statistics.features.numpy(),
                fingerprint=json.dumps(identity, sort_keys=True),
            )
        Path(file.name).replace(path)
    except OSError as error:
        raise UserError(
            f"cannot write the statistics of the real images to {path}: {error.strerror}. "
            f"Choose another folder with {option('cache')}"
        ) from error


def _read_npz(path: Path) -> dict[str, Any]:
    """All arrays of a file of statistics.

    Raises:
        UserError: If it cannot be read, or has no ``mu`` and ``sigma``.
    """
    try:
        with path.open("rb") as opened, np.load(opened) as file:
            arrays = dict(file)
    except (OSError, ValueError, EOFError, BadZipFile, AttributeError) as error:
        raise UserError(
            f"cannot read the statistics {path} ({error}). If it is damaged, delete it: "
            "statistics of a dataset are computed anew"
        ) from error
    if not {"mu", "sigma"} <= arrays.keys():
        raise UserError(f"{path} has the keys {sorted(arrays)}, but needs mu and sigma")
    return arrays


def _identity_of(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says it was made from; empty for files of other projects."""
    if "fingerprint" not in arrays:
        return {}
    identity: dict[str, Any] = json.loads(str(arrays["fingerprint"]))
    return identity


def _file_name(extractor: str, identity: dict[str, Any]) -> str:
    digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()
    return f"{extractor}-{digest[:16]}.npz"
