"""Images of a checkpoint, whoever trained it: the command ``gan sample``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from gan_lightning.checkpoints.finding import checkpoint_of
from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.extractors.devices import default_device
from gan_lightning.extractors.inception import inception
from gan_lightning.files import writable
from gan_lightning.gan import GAN
from gan_lightning.images import classes_at, images_at, latents_at, pixels_of
from gan_lightning.networks import Generator
from gan_lightning.sampling import nearest
from gan_lightning.sampling.interpolation import Way, between
from gan_lightning.sampling.pictures import save_arrays, save_grid, save_singles
from gan_lightning.streams import require_seed

if TYPE_CHECKING:
    from gan_lightning.data import ImageData

ON_ONE_SHEET = 1000
"""Images of a grid; the npz holds all."""


def sample(
    out: str,
    ckpt: str | None = None,
    run: str | None = None,
    count: int = 100,
    seed: int = 0,
    classes: list[int] | None = None,
    ema: bool = False,
    columns: int = 10,
    singles: bool = False,
    interpolations: int = 0,
    steps: int = 10,
    way: Way = "slerp",
    data: ImageData | None = None,
    extractor: FeatureExtractor = inception(),  # noqa: B008  (has read no weights yet)
    neighbours: int = 5,
    compared: int = 20,
    training: int = 50_000,
    device: str = "auto",
) -> dict[str, str]:
    """Makes images with a checkpoint: a grid, an npz for ``gan evaluate``, and more on request.

    Image i of a seed is the same whatever else is asked for. A stranger's checkpoint runs nothing.

    Args:
        out: Folder for what is made: ``grid.png``, ``images.npz``.
        ckpt: The checkpoint: a file, the folder of a run, or ``last`` or ``best`` of ``run``.
        run: Folder of a run; its last checkpoint, if ``ckpt`` says nothing else.
        count: Number of images.
        seed: Which latents.
        classes: For a conditional generator, the classes of the images, in turn, such as [3]; by
            default all.
        ema: Make them with the moving average of the generator.
        columns: Columns of the grid; a number of classes gives each its own column.
        singles: Save each image as a PNG of its own, too, in ``images/``.
        interpolations: Rows of ``interpolations.png``, each from one image to the next: the first
            row from image 0 to 1, the second from 2 to 3.
        steps: Images of such a row.
        way: How the latents go: ``slerp``, on the sphere, or ``linear``.
        data: The training images; given these, ``nearest.png`` shows the first images with the
            training images nearest to them, and ``nearest.csv`` says which are memorized.
        extractor: Whose features say what is near; ``inception`` by default.
        neighbours: How many training images of each.
        compared: How many of the images are looked at.
        training: With how many training images they are compared, drawn once and for all.
        device: ``cpu``, ``cuda``, ...; ``auto`` takes an accelerator where there is one.

    Returns:
        What was made, and where it is.

    Raises:
        UserError: The checkpoint is missing, damaged, or has no such classes or moving average.
    """
    for argument, value, least in (
        ("count", count, 1),
        ("columns", columns, 1),
        ("interpolations", interpolations, 0),
        ("steps", steps, 2),
        ("neighbours", neighbours, 1),
        ("compared", compared, 1),
        ("training", training, 2),
    ):
        if value < least:
            raise UserError(f"must be >= {least}, got {value}", argument)
    require_seed(seed)
    folder = Path(out).expanduser()
    if not writable(folder / "images.npz"):
        raise UserError(f"{out} cannot be written: choose a folder that can", "out")
    path = checkpoint_of(ckpt, run)
    place = default_device(device)
    gan = GAN.load_from_checkpoint(path, map_location=place)
    generator = gan.used_generator(ema)
    images = images_at(generator, range(count), seed, classes).cpu()
    save_arrays(images, classes_at(generator, range(count), classes), folder / "images.npz")
    save_grid(images[:ON_ONE_SHEET], folder / "grid.png", columns)
    said = {"checkpoint": path, "images": f"{count} in {folder / 'images.npz'}"}
    if singles:
        save_singles(images, folder / "images")
        said["singles"] = str(folder / "images")
    if interpolations:
        rows = _interpolations(generator, interpolations, steps, way, seed, classes)
        save_grid(rows, folder / "interpolations.png", columns=steps)
        said["interpolations"] = str(folder / "interpolations.png")
    if data is not None:
        data.prepare_data()
        first = images[:compared]
        found = nearest.neighbours(first, data, extractor, neighbours, training, place)
        nearest.save_nearest(first, found, folder)
        said["nearest"] = str(folder / "nearest.png")
        said["memorized"] = (
            f"{int(found.memorized.sum())} of {len(first)}, compared with "
            f"{min(training, len(data.images('train')))} training images"
        )
    return said


def _interpolations(
    generator: Generator, rows: int, steps: int, way: Way, seed: int, classes: list[int] | None
) -> Tensor:
    """The images of each row; of one class, that of the image it starts from."""
    made = []
    for row in range(rows):
        ends = latents_at(generator, [2 * row, 2 * row + 1], seed, "sample")
        labels = (y.expand(steps) for y in classes_at(generator, [2 * row], classes))
        z = between(ends[0], ends[1], steps, way)
        made.append(pixels_of(generator, z, tuple(labels)).cpu())
    return torch.cat(made)
