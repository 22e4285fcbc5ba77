"""Scores of images that anyone made: the command ``gan evaluate``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.extractors.devices import default_device
from gan_lightning.extractors.inception import inception
from gan_lightning.scores.protocol import Protocol, paper
from gan_lightning.scores.samples import SampleScore
from gan_lightning.scores.scoring import Judge
from gan_lightning.scores.sources import read_images

if TYPE_CHECKING:
    from gan_lightning.data import ImageData


def evaluate(
    images: str,
    data: ImageData,
    extractor: FeatureExtractor = inception(),  # noqa: B008  (has read no weights yet)
    protocol: Protocol = paper(),  # noqa: B008  (has no state)
    metrics: Sequence[SampleScore] = (),
    cache: str | None = None,
    real: str | None = None,
    real_count: int | None = None,
    device: str = "auto",
    out: str | None = None,
) -> dict[str, float | int | str]:
    """Scores the images of a folder or an npz file against a dataset's training images.

    Args:
        images: Folder of image files, or npz file with ``images``: uint8, N x height x width x
            channels.
        data: The real images.
        extractor: Judges the images; ``inception`` by default.
        protocol: How many images each score looks at; ``paper`` by default.
        metrics: Scores beside IS and FID.
        cache: Folder of real statistics; by default ``statistics`` beside the dataset.
        real: An npz file of ``mu`` and ``sigma`` to compare with, in place of the dataset.
        real_count: Number of images that file was made from, if it doesn't say.
        device: ``cpu``, ``cuda``, ...; ``auto`` takes an accelerator where there is one.
        out: JSON file to write the result to.

    Returns:
        The scores, the counts of images, and protocol, extractor, fingerprints.

    Raises:
        UserError: If images or weights are missing or wrong.
    """
    judge = Judge(
        extractor,
        protocol,
        metrics,
        Path(cache) if cache else Path(data.prepared_root, "statistics"),
        Path(real) if real else None,
        real_count,
    )
    try:
        result = _scores(images, data, judge, default_device(device))
    except UserError as error:
        raise UserError(str(error).replace("--evaluation.", "--")) from error
    if out is not None:
        Path(out).write_text(json.dumps(result, indent=2) + "\n")
    return result


def _scores(
    images: str, data: ImageData, judge: Judge, device: torch.device
) -> dict[str, float | int | str]:
    """Looks for everything that could be wrong, then scores."""
    source = read_images(Path(images), data.image_shape[0])
    if source.image_shape != data.image_shape:
        raise UserError(
            f"the images of {images} are {source.image_shape}, but --data {data.name} has "
            f"{data.image_shape} (channels, height, width): scores compare images of one size. "
            "Resize them, or choose the dataset they imitate"
        )
    judge.check_count(len(source))
    judge.prepare(data.image_shape)
    data.prepare_data()
    data.setup("test")
    train, fingerprint = data.images("train"), data.fingerprint("train")
    real = judge.statistics(train, fingerprint, device, f"real images of {data.name}")
    result = judge.score(source, real, device, Path(images).name)
    return {**result.to_dict(), "images": images}
