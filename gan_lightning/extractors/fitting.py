"""How a classifier is fitted: a known recipe, every batch a function of its step, resumable."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor
from torch.optim import AdamW
from torch.optim.lr_scheduler import OneCycleLR
from tqdm import tqdm

from gan_lightning.errors import UserError, reading
from gan_lightning.extractors.classifier import ResidualClassifier
from gan_lightning.files import whole
from gan_lightning.streams import stream

_SAVED_EVERY = 20.0  # seconds
_LOOKED_EVERY = 50  # updates
_HIGHEST = torch.finfo(torch.float32).max


@dataclass(frozen=True)
class FittingRecipe:
    """All that the weights depend on beside the images and the network.

    Attributes:
        steps: Number of updates.
        batch_size: Images per update.
        lr: Highest learning rate of the cycle.
        smoothing: Label smoothing, 0 to 1.
        shift: Largest shift, in pixels.
        flip: Whether images are mirrored with chance 1/2.
        seed: Of the batches, shifts and flips.
    """

    steps: int
    batch_size: int
    lr: float
    smoothing: float
    shift: int
    flip: bool
    seed: int

    def require_possible(self) -> None:
        """Raises `UserError` for numbers that no training can be made of."""
        if not 0 < self.lr <= _HIGHEST:
            raise UserError(f"is {self.lr}; allowed are numbers of float32 above 0", "lr")
        if not 0 <= self.smoothing < 1:
            raise UserError(f"is {self.smoothing}; allowed are 0 to less than 1", "smoothing")
        if self.shift < 0:
            raise UserError(f"is {self.shift}; allowed are 0 or more pixels", "shift")


def fit(
    network: ResidualClassifier,
    images: NDArray[np.uint8],
    labels: NDArray[np.int64],
    rows: NDArray[np.int64],
    recipe: FittingRecipe,
    identity: Mapping[str, Any],
    part: Path,
) -> None:
    """Minimizes the cross-entropy of shifted, perhaps mirrored images.

    Args:
        network: To be trained, where it is.
        images: uint8 ``(N, channels, height, width)``.
        labels: int64 ``(N,)``.
        rows: The images to train on.
        recipe: How.
        identity: What an interrupted training must share with this one, to go on.
        part: File of an interrupted training.

    Raises:
        UserError: If it diverges, or ``part`` is of another training.
    """
    place = network.head.weight.device
    network.train().to(memory_format=torch.channels_last)
    optimizer = AdamW(network.parameters(), lr=recipe.lr, weight_decay=1e-3)
    # torch's schedule divides by zero where the rise is one step long.
    schedule = OneCycleLR(optimizer, recipe.lr, max(recipe.steps, 20), pct_start=0.1)
    state = _Progress(network, optimizer, schedule, json.dumps(identity, sort_keys=True), part)
    first, saved = state.load(), time.monotonic()
    bar = tqdm(initial=first, total=recipe.steps, desc="training the extractor", leave=False)
    for step in range(first, recipe.steps):
        rng = stream(recipe.seed, "extractor batch", step)
        batch = np.sort(rng.choice(rows, recipe.batch_size))
        x = torch.from_numpy(np.ascontiguousarray(images[batch])).to(place).float()
        x = varied(x, recipe.shift, recipe.flip, rng).contiguous(memory_format=torch.channels_last)
        target = torch.from_numpy(labels[batch]).to(place)
        loss = F.cross_entropy(network(x)[1], target, label_smoothing=recipe.smoothing)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.update()
        if step % _LOOKED_EVERY == 0:
            _require_finite(loss, step, recipe.lr)
            bar.set_postfix(loss=f"{loss.item():.3f}")
        if time.monotonic() - saved > _SAVED_EVERY:
            state.save(step + 1)
            saved = time.monotonic()
    bar.close()
    for tensor in network.state_dict().values():
        _require_finite(tensor, recipe.steps, recipe.lr)


def varied(images: Tensor, shift: int, flip: bool, rng: np.random.Generator) -> Tensor:
    """Moves each image by up to ``shift`` pixels, its edges repeated, and may mirror it.

    Args:
        images: ``(N, channels, height, width)``.
        shift: Largest shift, in pixels.
        flip: Whether to mirror each image with chance 1/2.
        rng: Draws the shifts, and then the flips.

    Returns:
        Images of the same shape.
    """
    n, _, height, width = images.shape
    offsets = torch.from_numpy(rng.integers(-shift, shift + 1, size=(2, n, 1)))
    down = (torch.arange(height) + offsets[0]).clamp(0, height - 1)
    across = (torch.arange(width) + offsets[1]).clamp(0, width - 1)
    if flip:
        mirrored = torch.from_numpy(rng.random((n, 1)) < 0.5)
        across = torch.where(mirrored, across.flip(1), across)
    image = torch.arange(n)[:, None, None, None]
    channel = torch.arange(images.shape[1])[None, :, None, None]
    return images[image, channel, down[:, None, :, None], across[:, None, None, :]]


def _require_finite(tensor: Tensor, step: int, lr: float) -> None:
    if not tensor.isfinite().all():
        raise UserError(
            f"training diverged by step {step}, so nothing is saved: choose an `lr` below {lr}"
        )


class _Progress:
    """What an interrupted training needs to go on, in a file beside the one it will write."""

    def __init__(
        self,
        network: ResidualClassifier,
        optimizer: AdamW,
        schedule: OneCycleLR,
        identity: str,
        path: Path,
    ) -> None:
        self.parts: dict[str, Any] = {
            "network": network,
            "optimizer": optimizer,
            "schedule": schedule,
        }
        self.identity = identity
        self.path = path

    def save(self, step: int) -> None:
        """Saves the state after so many updates."""
        states = {name: part.state_dict() for name, part in self.parts.items()}
        try:
            with whole(self.path) as file:
                torch.save({"step": step, "identity": self.identity, **states}, file)
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {error.strerror}") from error

    def load(self) -> int:
        """Takes up a saved state, if there is one, and returns its number of updates.

        Raises:
            UserError: If it is damaged, or of another training.
        """
        if not self.path.exists():
            return 0
        with reading(
            lambda said: UserError(f"{self.path} is damaged ({said}): delete it, to start anew")
        ):
            saved = torch.load(self.path, map_location="cpu", weights_only=True)
            if saved["identity"] != self.identity:
                raise UserError(
                    f"{self.path} is of a training that was interrupted, with other options or "
                    "images: repeat those, or delete it to start anew"
                )
            for name, part in self.parts.items():
                part.load_state_dict(saved[name])
            return int(saved["step"])
