"""Scores of images that anyone made: the command ``gan evaluate``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from gan_lightning.distributed import (
    first_then_others,
    joined_by_torchrun,
    on_first,
    rank_and_world,
)
from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.extractors.devices import default_device
from gan_lightning.extractors.inception import inception
from gan_lightning.files import writable, write_whole
from gan_lightning.scores.protocol import Protocol, paper
from gan_lightning.scores.record import Result
from gan_lightning.scores.samples import SampleScore
from gan_lightning.scores.scoring import Judge, Split
from gan_lightning.scores.sources import ImageSource, read_images
from gan_lightning.scores.statistics import RealStatistics

if TYPE_CHECKING:
    from gan_lightning.data import ImageData

COLOUR = 3


def evaluate(
    images: str,
    data: ImageData | None = None,
    extractor: FeatureExtractor = inception(),  # noqa: B008  (has read no weights yet)
    protocol: Protocol = paper(),  # noqa: B008  (has no state)
    metrics: Sequence[SampleScore] = (),
    reference: Split = "train",
    cache: str | None = None,
    real: str | None = None,
    real_count: int | None = None,
    real_resize: str | None = None,
    device: str = "auto",
    out: str | None = None,
) -> dict[str, float | str]:
    """Scores the images of a folder or an npz file against a dataset's images.

    Started by ``torchrun``, all its processes share the work.

    Args:
        images: Folder of image files, or npz file with ``images`` or ``arr_0``: uint8, N x height
            x width x channels; and with the images' classes as ``labels`` or ``arr_1``, if known.
        data: The real images; not needed with ``real``.
        extractor: Judges the images; ``inception`` by default.
        protocol: How many images each score looks at; ``paper`` by default.
        metrics: Scores beside IS and FID: ``kid``, ``precision_recall``, ``density_coverage``,
            ``ms_ssim``, ``memorization``.
        reference: The dataset's split to compare with, "train" as the papers do, or "test".
        cache: Folder of real statistics; by default ``statistics`` beside the dataset.
        real: An npz file of ``mu`` and ``sigma`` to compare with, in place of the dataset.
        real_count: Number of images that file was made from, if it doesn't say.
        real_resize: How the file's images were resized for Inception, if it doesn't say: ``tf1``
            (clean-fid's legacy_tensorflow) or ``clean``.
        device: ``cpu``, ``cuda``, ...; ``auto`` takes an accelerator where there is one.
        out: JSON file to write the result to.

    Returns:
        The scores, the counts of images, and all else that they depend on; of several processes,
        only the first returns them.

    Raises:
        UserError: If images or weights are missing or wrong.
    """
    if out is not None and not writable(out):
        raise UserError(f"{out} cannot be written: choose a file in a folder that can", "out")
    if data is None and real is None:
        raise UserError(
            "there is nothing to compare with: give real images, as `data` cifar10, or their "
            "statistics, as `real` FILE"
        )
    place = default_device(device)
    judge = Judge(
        extractor,
        protocol,
        metrics,
        None if data is None else Path(cache or data.prepared_root / "statistics"),
        Path(real) if real else None,
        real_count,
        real_resize,
        reference,
    )
    with joined_by_torchrun(place):
        result = {**_score(images, data, judge, place).to_dict(), "images": images}
        first = rank_and_world()[0] == 0
        if out is not None:
            content = json.dumps(result, indent=2) + "\n"
            on_first(lambda: write_whole(out, content))
    return result if first else {}


def _score(images: str, data: ImageData | None, judge: Judge, device: torch.device) -> Result:
    """Looks for everything that could be wrong, the cheapest first, then scores."""
    source = read_images(Path(images), COLOUR if data is None else data.image_shape[0])
    _require_one_size(images, source, data)
    judge.prepare(source.image_shape)
    judge.check_count(len(source))  # whether there is an inception score, the weights say
    real = judge.imported() if judge.real else _reference(judge, data, device)
    return judge.score(source, real, device, Path(images).name)


def _require_one_size(images: str, source: ImageSource, data: ImageData | None) -> None:
    if data is not None and source.image_shape != data.image_shape:
        raise UserError(
            f"the images of {images} are {source.image_shape}, but `data` {data.name} has "
            f"{data.image_shape} (channels, height, width): scores compare images of one size. "
            "Resize them, or choose the dataset they imitate"
        )


def _reference(judge: Judge, data: ImageData | None, device: torch.device) -> RealStatistics:
    """Statistics of the dataset's images, which are prepared if they are not yet."""
    assert data is not None, "without statistics of a file, there is a dataset"
    split = judge.reference
    if split not in data.splits:
        raise UserError(f"is {split}: {data.name} has only {', '.join(data.splits)}", "reference")
    first_then_others(data.prepare_data)
    return judge.statistics(
        data.images(split), data.fingerprint(split), device, f"real images of {data.name}"
    )
