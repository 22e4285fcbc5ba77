"""From positions to batches: what the training loader yields, and what becomes of it on the device.

The whole run is one epoch. Element ``i`` of the loader is a span of positions; everything in it
depends on those positions alone, so it does not matter which process fetches it, or after how many
interruptions. Pixels stay bytes until they are on the device.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from gan_lightning.clock import training_step
from gan_lightning.data.prepared import Prepared
from gan_lightning.data.sampling import IndexSampler, flips
from gan_lightning.runs.signals import STOPPING

T = TypeVar("T")


class Batch(NamedTuple):
    """What a training step receives.

    Attributes:
        images: float32 ``(N, C, H, W)`` in the dataset's value range, stored channels last.
        labels: int64 ``(N,)``, or None where the dataset has no classes.
    """

    images: Tensor
    labels: Tensor | None


class Picks(NamedTuple):
    """Which images to train on, to be gathered from an array on the device.

    Attributes:
        indices: int64 ``(N,)``.
        flips: bool ``(N,)``, which of them to mirror, or None.
    """

    indices: Tensor
    flips: Tensor | None


class Pixels(NamedTuple):
    """Images that were gathered on the host.

    Attributes:
        images: uint8 ``(N, H, W, C)``.
        labels: int64 ``(N,)``, or None.
        flips: bool ``(N,)``, which of them to mirror, or None.
    """

    images: Tensor
    labels: Tensor | None
    flips: Tensor | None


@dataclass(frozen=True)
class Picker:
    """Draws the images of a span of positions.

    Args:
        draw: Which images one position trains on.
        size: Number of images of one position.
        seed: The run's seed.
        rank: This process.
        flip: Whether to mirror half of the images.
    """

    draw: IndexSampler
    size: int
    seed: int
    rank: int
    flip: bool

    def __call__(self, span: range) -> Picks:
        """Returns the picks of all positions of the span, one position after the other."""
        indices = np.concatenate([self.draw(position) for position in span])
        return Picks(torch.from_numpy(indices), self._flips(span))

    def _flips(self, span: range) -> Tensor | None:
        if not self.flip:
            return None
        drawn = [flips(self.size, self.seed, position, self.rank) for position in span]
        return torch.from_numpy(np.concatenate(drawn))


class HostImages(Dataset[Pixels]):
    """Fetches the images of a span from the host's memory map; whole batches, so workers help.

    Args:
        prepared: The images.
        picker: Which of them each span trains on.
    """

    def __init__(self, prepared: Prepared, picker: Picker) -> None:
        self.prepared = prepared
        self.picker = picker

    def __getitem__(self, span: range) -> Pixels:
        """Returns the images of one span."""
        picks = self.picker(span)
        indices = picks.indices.numpy()
        images = torch.from_numpy(self.prepared.rows(indices))
        return Pixels(images, _taken(self.prepared.labels, indices), picks.flips)


def _taken(labels: NDArray[np.int64] | None, indices: NDArray[np.int64]) -> Tensor | None:
    return None if labels is None else torch.from_numpy(labels[indices])


class Spans(Sampler[range]):
    """The positions that are left of a run, ``step`` at a time, up to the multiples of it.

    Its length also counts the training steps that an interrupted run has already done, because
    Lightning resumes with that number as its batch index and stops where the index meets the
    length.

    Args:
        start: First position to deliver.
        stop: Where the run ends.
        step: Positions of one element; the first and the last may be shorter.
        done: Number of training steps before ``start``.
    """

    def __init__(self, start: int, stop: int, step: int, done: int) -> None:
        self.start, self.stop, self.step = start, stop, step
        self.done = done

    def __len__(self) -> int:
        """Returns the number of training steps of the whole run, those done included."""
        left = -(-self.stop // self.step) - self.start // self.step
        return self.done + (left if self.start < self.stop else 0)

    def __iter__(self) -> Iterator[range]:
        """Yields the spans that are left."""
        first = self.start
        while first < self.stop:
            span = training_step(first, self.step, self.stop)
            yield span
            first = span.stop


class Resumable:
    """Tells Lightning that a loader can go on in the middle of a run.

    Where to go on follows from the trainer's position, so there is nothing to save.
    """

    def state_dict(self) -> dict[str, int]:
        """Returns nothing."""
        return {}

    def load_state_dict(self, state_dict: dict[str, int]) -> None:
        """Does nothing."""


def leave_signals_to_the_trainer(worker: int) -> None:
    """Lets a worker live on when a signal reaches all processes of a terminal or a job.

    The trainer finishes its iteration and saves; a dead worker would make it fail instead. Workers
    end when the trainer does: they look for it every few seconds.
    """
    for number in STOPPING:
        signal.signal(number, signal.SIG_IGN)


class PixelLoader(Resumable, DataLoader[Pixels]):
    """A loader of pixels, for images that stay on the host."""


class PickLoader(Resumable):
    """A loader of picks, for images that lie on the device.

    Drawing indices takes microseconds: workers would only slow it down.

    Args:
        spans: The positions of the run.
        picker: Which images each span trains on.
    """

    def __init__(self, spans: Spans, picker: Picker) -> None:
        self.spans = spans
        self.picker = picker

    def __len__(self) -> int:
        """Returns the number of training steps of the whole run."""
        return len(self.spans)

    def __iter__(self) -> Iterator[Picks]:
        """Yields the picks of the spans that are left."""
        return map(self.picker, self.spans)


class Elements(Generic[T]):
    """A loader of elements that are already there (Lightning reads a list as several loaders).

    Args:
        elements: What to yield.
    """

    def __init__(self, elements: list[T]) -> None:
        self.elements = elements

    def __len__(self) -> int:
        """Returns the number of elements."""
        return len(self.elements)

    def __iter__(self) -> Iterator[T]:
        """Yields the elements in order."""
        return iter(self.elements)


@dataclass(frozen=True)
class DeviceCache:
    """A whole prepared array on the device of the network.

    Args:
        images: uint8 ``(count, H, W, C)``.
        labels: int64 ``(count,)``, or None.
    """

    images: Tensor
    labels: Tensor | None

    @classmethod
    def load(cls, prepared: Prepared, device: torch.device) -> DeviceCache:
        """Copies a prepared array to the device; on the CPU, the memory map serves as it is."""
        labels = None if prepared.labels is None else torch.from_numpy(prepared.labels).to(device)
        return cls(prepared.tensor().to(device), labels)

    def take(self, picks: Picks) -> Pixels:
        """Gathers the picked images on the device."""
        labels = None if self.labels is None else self.labels.index_select(0, picks.indices)
        return Pixels(self.images.index_select(0, picks.indices), labels, picks.flips)


def to_batch(pixels: Pixels, value_range: tuple[float, float]) -> Batch:
    """Turns bytes into what the networks see, on the device where the bytes are.

    Args:
        pixels: The images.
        value_range: What the bytes 0 and 255 become.

    Returns:
        float32 images, ``x / 127.5 - 1`` for (-1, 1) and ``x / 255`` for (0, 1), viewed as
        ``(N, C, H, W)`` over channels-last memory, with their labels.
    """
    images = pixels.images
    if pixels.flips is not None:
        images = torch.where(pixels.flips[:, None, None, None], images.flip(2), images)
    low, high = value_range
    images = images.to(torch.float32).div_(255 / (high - low)).add_(low)
    return Batch(images.permute(0, 3, 1, 2), pixels.labels)
