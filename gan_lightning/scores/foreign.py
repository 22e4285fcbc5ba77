"""Statistics that someone else computed: this project's files, pytorch-fid's and clean-fid's.

An FID between images that were resized in two ways measures the resize, too (0.235 between
clean-fid's two ways of enlarging the very same images), so a file must say its resize, in itself,
in its name as clean-fid's do, or in the user's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.files import sha256
from gan_lightning.scores.fid import Gaussian
from gan_lightning.scores.statistics import RealStatistics, identity_of, read_npz

CLEAN_FID = {"clean": "clean", "legacy_tensorflow": "tf1", "legacy_pytorch": "pytorch"}
"""The resize behind each mode of clean-fid."""

RESIZES = tuple(CLEAN_FID.values())
"""How a file's images may have been resized."""


def imported_statistics(
    path: Path, count: int | None, extractor: FeatureExtractor, resize: str | None = None
) -> RealStatistics:
    """Statistics of a file, once nothing shows that they cannot be compared with.

    Args:
        path: An npz file with ``mu`` ``(F,)`` and ``sigma`` ``(F, F)``.
        count: Number of images it was made from, if it doesn't say.
        extractor: Must be the one that the file was made with.
        resize: How its images were resized, if it doesn't say.

    Raises:
        UserError: If it cannot be read, was made with another extractor or another resize, or
            holds what are no moments.
    """
    arrays = read_npz(path, "make or fetch it anew, or leave out `real`")
    identity = identity_of(arrays)
    if identity:
        _require_own_extractor(path, identity, extractor)
    else:
        _require_inception(path, extractor)
        _require_resize(path, arrays, extractor, resize)
    gaussian = _gaussian(path, arrays, _count(path, arrays, identity, count), extractor)
    features = _features(path, arrays, extractor)
    return RealStatistics(gaussian, features, f"{path.name} sha256:{sha256(path)[:16]}")


def _require_own_extractor(
    path: Path, identity: Mapping[str, Any], extractor: FeatureExtractor
) -> None:
    if identity["extractor"] != extractor.fingerprint:
        raise UserError(
            f"{path} holds statistics of another extractor (fingerprint {identity['extractor']}) "
            f"than {extractor.name} ({extractor.fingerprint}). Choose the extractor it was made "
            f"with by `extractor`, or leave out `real` to compute new ones"
        )


def _require_inception(path: Path, extractor: FeatureExtractor) -> None:
    if extractor.resize == "none":
        raise UserError(
            f"{path} does not say what it was made with, and files of pytorch-fid and clean-fid "
            f"hold statistics of Inception, not of {extractor.name}. Take "
            "`extractor` inception, or leave out `real`"
        )


def _require_resize(
    path: Path, arrays: Mapping[str, Any], extractor: FeatureExtractor, declared: str | None
) -> None:
    """Raises `UserError` unless the file's resize is known and is the extractor's."""
    claims = {
        "`real_resize`": declared,
        "its mode": CLEAN_FID.get(mode := str(arrays.get("mode")), mode),
        "its name": next((r for m, r in CLEAN_FID.items() if f"_{m}_" in path.name), None),
    }
    if "mode" not in arrays:
        del claims["its mode"]
    said = {who: resize for who, resize in claims.items() if resize}
    if not said:
        raise UserError(
            f"{path} does not say how its images were resized to 299 pixels: tell it with "
            "`real_resize`, tf1 (clean-fid's legacy_tensorflow) or clean (its default)"
        )
    if set(said.values()) != {extractor.resize}:
        listed = ", ".join(f"{resize} by {who}" for who, resize in said.items())
        raise UserError(
            f"{path} holds statistics of images resized otherwise ({listed}) than extractor "
            f"{extractor.name} resizes ({extractor.resize}), so the FID would measure the resize: "
            "choose `extractor.resize` tf1 or clean as the file has it, or leave out `real`"
        )


def _count(
    path: Path, arrays: Mapping[str, Any], identity: Mapping[str, Any], declared: int | None
) -> int:
    """How many images the file was made from, 2 or more."""
    noted = identity.get("count", arrays.get("n"))
    said = None if noted is None else np.asarray(noted)
    if said is not None and (said.shape or not np.issubdtype(said.dtype, np.integer)):
        raise UserError(f"{path} holds no number of images ({said.dtype}); make it anew")
    if said is not None and declared is not None and int(said) != declared:
        raise UserError(
            f"is {declared}, but {path} was made from {int(said)} images: leave it out",
            "real_count",
        )
    count = declared if said is None else int(said)
    if count is None or count < 2:
        raise UserError(
            f"{path} does not say how many images it was made from: give `real_count`, 2 or more"
        )
    return count


def _features(path: Path, arrays: Mapping[str, Any], extractor: FeatureExtractor) -> Tensor:
    """Features of single images, float32 ``(K, F)``; none where the file has none."""
    features = np.asarray(arrays.get("features", np.zeros((0, extractor.num_features), np.float32)))
    if features.dtype != np.float32 or features.shape[1:] != (extractor.num_features,):
        raise UserError(
            f"{path} holds features {features.shape} of {features.dtype}, but those of "
            f"{extractor.name} are float32 (K, {extractor.num_features}); make it anew"
        )
    return torch.from_numpy(features)


def _gaussian(
    path: Path, arrays: Mapping[str, Any], n: int, extractor: FeatureExtractor
) -> Gaussian:
    """Moments from a file's arrays, once their shapes and values are those of moments."""
    mu, sigma = np.asarray(arrays["mu"]), np.asarray(arrays["sigma"])
    size = extractor.num_features
    if mu.shape != (size,) or sigma.shape != (size, size):
        raise UserError(
            f"{path} holds mu {mu.shape} and sigma {sigma.shape}, but "
            f"{extractor.name} has {size} features: it was made with another extractor"
        )
    if not all(np.issubdtype(array.dtype, np.floating) for array in (mu, sigma)):
        raise UserError(
            f"{path} holds mu of {mu.dtype} and sigma of {sigma.dtype}, but moments of features "
            "are real numbers; make it anew"
        )
    gaussian = Gaussian(n, *(torch.from_numpy(a.astype(np.float64)) for a in (mu, sigma)))
    if (problem := gaussian.problem()) is not None:
        raise UserError(f"{path} {problem}; make it anew")
    return gaussian
