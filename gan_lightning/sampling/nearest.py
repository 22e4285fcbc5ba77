"""The real images that are nearest to generated ones: what was learned by heart is seen at once."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.files import told, write_whole
from gan_lightning.sampling.pictures import save_grid
from gan_lightning.scores.extraction import Wanted, extract
from gan_lightning.scores.memorization import closest, nearest
from gan_lightning.scores.neighbours import squared_radii
from gan_lightning.scores.sources import ArrayImages
from gan_lightning.streams import stream

if TYPE_CHECKING:
    from gan_lightning.data import ImageData

QUANTILE = 0.01
"""Of training images, so many are taken for near-duplicates of one another: the score's default."""


@dataclass(frozen=True)
class Neighbours:
    """The nearest training images of generated ones, nearest first.

    Attributes:
        images: uint8 ``(N, k, C, H, W)``.
        index: Their places in the dataset, int64 ``(N, k)``.
        distance: Between features, float64 ``(N, k)``.
        memorized: Whether the first is as near as the closest 1 % of training images are to one
            another, bool ``(N,)``.
    """

    images: Tensor
    index: Tensor
    distance: Tensor
    memorized: Tensor


def neighbours(
    generated: Tensor,
    data: ImageData,
    extractor: FeatureExtractor,
    count: int,
    training: int,
    device: torch.device,
) -> Neighbours:
    """Finds the nearest training images, by the features of an extractor.

    Args:
        generated: uint8 ``(N, C, H, W)``.
        data: The dataset, prepared.
        extractor: Whose features are compared.
        count: How many neighbours of each.
        training: With how many training images to compare, the first of a fixed random order.
        device: Where the extractor runs.

    Raises:
        UserError: The dataset has images of another size, or too few.
    """
    if tuple(generated.shape[1:]) != tuple(data.image_shape):
        raise UserError(
            f"{data.name} has images of {tuple(data.image_shape)}, the generator makes "
            f"{tuple(generated.shape[1:])} (channels, height, width); give the data that it was "
            "trained on",
            "data",
        )
    images = data.images("train")
    order = stream(0, "order of images", 0).permutation(len(images))[:training]
    if len(order) <= count:
        raise UserError(
            f"is {count}, but only {len(order)} training images are compared", "neighbours"
        )
    extractor.prepare()
    made = _features(ArrayImages(generated.cpu().numpy()), extractor, device, "generated images")
    real = _features(ArrayImages(images, order), extractor, device, "training images")
    squared, found = nearest(made, real, count)
    near = squared[:, 0] <= closest(squared_radii(real, 1), QUANTILE)
    index = torch.from_numpy(order)[found]
    pictures = torch.from_numpy(images[index.flatten().numpy()].copy())
    return Neighbours(
        pictures.view(*index.shape, *generated.shape[1:]), index, squared.sqrt(), near
    )


def _features(
    source: ArrayImages, extractor: FeatureExtractor, device: torch.device, title: str
) -> Tensor:
    totals = extract(source, extractor, Wanted(0, features=len(source)), device, title)
    return totals.features.table().double().cpu()


def save_nearest(generated: Tensor, found: Neighbours, folder: Path) -> None:
    """Saves ``nearest.png``, a row per image with its neighbours behind it, and ``nearest.csv``."""
    rows = torch.cat([generated.cpu()[:, None], found.images], 1)
    save_grid(rows.flatten(0, 1), folder / "nearest.png", columns=rows.shape[1])
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["image", "memorized", "neighbour", "training_image", "distance"])
    for i, (index, distance) in enumerate(
        zip(found.index.tolist(), found.distance.tolist(), strict=True)
    ):
        said = str(bool(found.memorized[i])).lower()
        for k, (j, d) in enumerate(zip(index, distance, strict=True)):
            table.writerow([i, said, k + 1, j, f"{d:.6g}"])
    with told(folder / "nearest.csv"):
        write_whole(folder / "nearest.csv", text.getvalue())
