"""Trains an extractor on the user's own labelled images: the command ``gan extractor``."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray

from gan_lightning.errors import UserError
from gan_lightning.extractors.classifier import ResidualClassifier, is_name, save_classifier
from gan_lightning.extractors.devices import default_device
from gan_lightning.extractors.fitting import FittingRecipe, fit
from gan_lightning.files import writable
from gan_lightning.streams import require_seed, stream

if TYPE_CHECKING:
    from gan_lightning.data import ImageData

_EVALUATED_AT_ONCE = 256  # images
_TAKEN = ("inception", "inception1008", "inception_sngan", "clean", "digits", "dinov2")


@dataclass(frozen=True)
class Labelled:
    """Images with their classes, and which of them are meant.

    Attributes:
        images: uint8 ``(N, channels, height, width)``.
        labels: int64 ``(N,)``.
        rows: int64, the ones that are meant.
        name: What they are, in words.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64]
    rows: NDArray[np.int64]
    name: str


def train_extractor(
    data: ImageData,
    out: str,
    name: str | None = None,
    steps: int = 2_000,
    batch_size: int = 128,
    width: int = 32,
    lr: float = 2e-3,
    smoothing: float = 0.1,
    shift: int | None = None,
    flip: bool = False,
    held_out: float = 0.1,
    seed: int = 0,
    device: str = "auto",
) -> dict[str, Any]:
    """Trains a small residual classifier, measures it on images held out, and saves it.

    Interrupted, the same command goes on where it was, to the same weights.

    Args:
        data: Labelled images.
        out: File to write, ``.safetensors``; until it is complete, ``.part`` beside it.
        name: Stands in the names of its scores; by default the dataset's with ``_classifier``.
        steps: Number of updates.
        batch_size: Images per update.
        width: Channels of the first block; the features are up to 8 times as many.
        lr: Highest learning rate of AdamW, in one cycle: it rises for a tenth of the steps and
            falls to 0.
        smoothing: Share of each label that is spread over all classes.
        shift: Each image is moved by up to so many pixels; an eighth of its width by default.
        flip: Mirror images left-right with chance 1/2: right for photographs, wrong for digits.
        held_out: Share of the training images kept for measuring the accuracy, where the dataset
            has no labelled test split; else that split is the measure, and none is kept.
        seed: Of the weights, the held-out images and the batches.
        device: ``cpu``, ``cuda``, ...; ``auto`` takes an accelerator where there is one.

    Returns:
        ``name``, ``accuracy`` (0 to 1), on which and how many images, per class, ``fingerprint``,
        ``num_features`` and ``file``.

    Raises:
        UserError: If the images have no labels, or only one class, or training diverges.
    """
    label = name or f"{data.name}_classifier"
    _require_possible(label, out, held_out, min(steps, batch_size, width))
    reach = data.image_shape[2] // 8 if shift is None else shift
    recipe = FittingRecipe(steps, batch_size, lr, smoothing, reach, flip, seed)
    recipe.require_possible()
    require_seed(seed)
    if reach >= (side := min(data.image_shape[1:])):
        raise UserError(f"is {reach}, all of an image: give less than {side} pixels", "shift")
    data.prepare_data()
    kept, measured = _divided(data, held_out, seed)
    classes = int(kept.labels.max()) + 1
    place = default_device(device)
    network = _initialized(data.image_shape, classes, width, seed).to(place)
    print(
        f"training on {len(kept.rows):,} {kept.name}; accuracy is measured on "
        f"{len(measured.rows):,} {measured.name}"
    )
    origin = {"data": data.fingerprint("train"), "held_out": measured.name}
    identity = {**asdict(recipe), "width": width, **origin}
    fit(network, kept.images, kept.labels, kept.rows, recipe, identity, Path(f"{out}.part"))
    right = _right(network, measured)
    facts = {
        **identity,
        "held_out_count": len(measured.rows),
        "accuracy_per_class": _per_class(right, measured, classes),
    }
    accuracy = float(right.mean())
    fingerprint = save_classifier(Path(out), network, label, data.image_shape, accuracy, facts)
    Path(f"{out}.part").unlink(missing_ok=True)
    return {
        "name": label,
        "accuracy": accuracy,
        "held_out": measured.name,
        "held_out_count": facts["held_out_count"],
        "accuracy_per_class": facts["accuracy_per_class"],
        "fingerprint": fingerprint,
        "num_features": network.num_features,
        "file": out,
    }


def _require_possible(name: str, out: str, held_out: float, smallest: int) -> None:
    """Raises `UserError` for arguments with which nothing could be trained or told apart."""
    if name in _TAKEN:
        raise UserError(f"{name} is that of another extractor: choose a name of its own", "name")
    if not is_name(name):
        raise UserError(f"{name!r} names files: take letters, digits, _, - and dots", "name")
    if Path(out).suffix != ".safetensors":
        raise UserError(f"{out} must end in .safetensors", "out")
    if not writable(out):
        raise UserError(f"{out} cannot be written: choose a file in a folder that can", "out")
    if not 0 < held_out < 1:
        raise UserError(f"is {held_out}; allowed are numbers between 0 and 1", "held_out")
    if smallest < 1:
        raise UserError("`steps`, `batch_size` and `width` must be 1 or more")


def _divided(data: ImageData, share: float, seed: int) -> tuple[Labelled, Labelled]:
    """The images to train on, and those to measure with.

    Raises:
        UserError: If there are no labels, or only one class.
    """
    images, labels = data.images("train"), data.labels("train")
    classes = 0 if labels is None else len(np.unique(labels))
    if labels is None or classes < 2:
        raise UserError(
            f"{data.name} has {classes} classes, but a classifier needs 2 or more: give labelled "
            "images, such as a folder with one subfolder per class and their number as "
            "`data.num_classes`",
            "data",
        )
    tested = _tested(data)
    if tested is not None:
        return Labelled(images, labels, np.arange(len(images)), "training images"), tested
    order = stream(seed, "extractor split", 0).permutation(len(images))
    count = min(max(1, round(share * len(images))), len(images) - 1)  # one at least for each use
    rest = Labelled(images, labels, order[count:], "training images")
    return rest, Labelled(images, labels, order[:count], "training images kept for it")


def _tested(data: ImageData) -> Labelled | None:
    """The dataset's test split, if it is there with labels."""
    if "test" not in data.splits or not data.belongs_on_disk("test"):
        return None
    images, labels = data.images("test"), data.labels("test")
    return (
        labels
        if labels is None
        else Labelled(images, labels, np.arange(len(images)), "test images")
    )


def _initialized(
    image_shape: tuple[int, int, int], classes: int, width: int, seed: int
) -> ResidualClassifier:
    """Torch's initial weights, without a trace in the random state outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ResidualClassifier(image_shape, classes, width)


@torch.no_grad()
def _right(network: ResidualClassifier, measured: Labelled) -> NDArray[np.bool_]:
    """Whether the network names the class of each held-out image."""
    place = network.head.weight.device
    network.eval()
    right = []
    for rows in np.split(
        measured.rows, range(_EVALUATED_AT_ONCE, len(measured.rows), _EVALUATED_AT_ONCE)
    ):
        x = torch.from_numpy(np.ascontiguousarray(measured.images[rows])).to(place).float()
        right.append(network(x)[1].argmax(1).cpu().numpy() == measured.labels[rows])
    return np.concatenate(right)


def _per_class(right: NDArray[np.bool_], measured: Labelled, classes: int) -> list[float | None]:
    """The accuracy of each class, ``None`` for one without held-out images."""
    of = measured.labels[measured.rows]
    shares = [float(right[of == k].mean()) if (of == k).any() else math.nan for k in range(classes)]
    return [None if math.isnan(share) else round(share, 6) for share in shares]
