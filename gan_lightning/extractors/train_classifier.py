"""Trains an extractor on the user's own labelled images: the command ``gan extractor``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from gan_lightning.errors import UserError
from gan_lightning.extractors.classifier import ResidualClassifier, is_name, save_classifier
from gan_lightning.extractors.devices import default_device
from gan_lightning.streams import stream

if TYPE_CHECKING:
    from gan_lightning.data import ImageData

_EVALUATED_AT_ONCE = 256  # images
_TAKEN = ("inception", "inception1008", "digits")


def train_extractor(
    data: ImageData,
    out: str,
    name: str | None = None,
    steps: int = 2_000,
    batch_size: int = 128,
    width: int = 32,
    lr: float = 2e-3,
    held_out: float = 0.1,
    seed: int = 0,
    device: str = "auto",
) -> dict[str, Any]:
    """Trains a small residual classifier, measures it on images held out, and saves it.

    Args:
        data: Labelled images.
        out: File to write, ``.safetensors``.
        name: Stands in the names of its scores; by default the dataset's with ``_classifier``.
        steps: Number of updates.
        batch_size: Images per update.
        width: Channels of the first block; the features are up to 8 times as many.
        lr: Highest learning rate of Adam; it rises for a tenth of the steps and falls to 0.
        held_out: Share of the images kept for measuring the accuracy.
        seed: Of the weights, the split and the batches.
        device: ``cpu``, ``cuda``, ...; ``auto`` takes an accelerator where there is one.

    Returns:
        ``name``, ``accuracy`` (0 to 1), ``fingerprint``, ``num_features`` and ``file``.

    Raises:
        UserError: If the images have no labels, or only one class.
    """
    label = name or f"{data.name}_classifier"
    _require_possible(label, out, held_out, min(steps, batch_size, width))
    data.prepare_data()
    data.setup("fit")
    images, labels = data.images("train"), data.labels("train")
    classes = 0 if labels is None else len(np.unique(labels))
    if labels is None or classes < 2:
        raise UserError(
            f"--data {data.name} has {classes} classes, but a classifier needs 2 or more: "
            "give labelled images, such as a folder with one subfolder per class and their number "
            "as --data.num_classes"
        )
    order = stream(seed, "extractor split", 0).permutation(len(images))
    count = max(1, round(held_out * len(images)))
    place = default_device(device)
    network = _initialized(data.image_shape, int(labels.max()) + 1, width, seed).to(place)
    _fit(network, images, labels, order[count:], steps, batch_size, lr, seed)
    accuracy = _accuracy(network, images, labels, order[:count])
    fingerprint = save_classifier(Path(out), network, label, data.image_shape, accuracy)
    return {
        "name": label,
        "accuracy": accuracy,
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
    if not 0 < held_out < 1:
        raise UserError(f"is {held_out}; allowed are numbers between 0 and 1", "held_out")
    if smallest < 1:
        raise UserError("`steps`, `batch_size` and `width` must be 1 or more")


def _initialized(
    image_shape: tuple[int, int, int], classes: int, width: int, seed: int
) -> ResidualClassifier:
    """Torch's initial weights, without a trace in the random state outside."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return ResidualClassifier(image_shape, classes, width)


def _fit(
    network: ResidualClassifier,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    kept: NDArray[np.int64],
    steps: int,
    batch_size: int,
    lr: float,
    seed: int,
) -> None:
    """Minimizes the cross-entropy of randomly shifted images."""
    place = network.head.weight.device
    network.train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, steps, pct_start=0.1)
    for step in (bar := tqdm(range(steps), desc="training the extractor", leave=False)):
        rng = stream(seed, "extractor batch", step)
        batch = np.sort(rng.choice(kept, batch_size))
        x = _shifted(torch.from_numpy(np.ascontiguousarray(images[batch])).to(place).float(), rng)
        target = torch.from_numpy(labels[batch]).to(place)
        loss = F.cross_entropy(network(x)[1], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        if step % 50 == 0:
            bar.set_postfix(loss=f"{loss.item():.3f}")


def _shifted(images: Tensor, rng: np.random.Generator) -> Tensor:
    """Moves a batch by up to a sixteenth of its width; edges repeat."""
    reach = max(1, images.shape[-1] // 16)
    padded = F.pad(images, (reach,) * 4, mode="replicate")
    down, right = rng.integers(0, 2 * reach + 1, size=2)
    return padded[:, :, down : down + images.shape[2], right : right + images.shape[3]]


@torch.no_grad()
def _accuracy(
    network: ResidualClassifier,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    held_out: NDArray[np.int64],
) -> float:
    place = network.head.weight.device
    network.eval()
    correct = 0
    for start in range(0, len(held_out), _EVALUATED_AT_ONCE):
        rows = held_out[start : start + _EVALUATED_AT_ONCE]
        x = torch.from_numpy(np.ascontiguousarray(images[rows])).to(place).float()
        correct += int((network(x)[1].argmax(1).cpu().numpy() == labels[rows]).sum())
    return correct / len(held_out)
