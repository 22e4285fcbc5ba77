"""One pass of an extractor over a source of images, for all scores together."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchmetrics import Metric
from tqdm import tqdm

from gan_lightning.distributed import on_all, rank_and_world
from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.extractors.devices import full_precision
from gan_lightning.scores.fid import Moments
from gan_lightning.scores.inception_score import InceptionScore
from gan_lightning.scores.samples import SampleBank
from gan_lightning.scores.sources import BLOCK, ImageSource


@dataclass(frozen=True)
class Wanted:
    """How many images each consumer of a pass looks at, always the first ones by index."""

    moments: int
    inception: int = 0
    splits: int = 1
    features: int = 0
    images: int = 0

    @property
    def count(self) -> int:
        """How many images are looked at."""
        return max(self.moments, self.inception, self.features, self.images)

    @property
    def blocks(self) -> int:
        """How many blocks the pass goes through.

        Whole ones: float32 results depend on a batch's size, and no score may depend on how many
        images another one looks at.
        """
        return -(-self.count // BLOCK)


class Totals:
    """What a pass leaves behind, of the same size however many images it saw.

    Args:
        extractor: Whose features and logits are added up.
        image_shape: ``(channels, height, width)`` of the images.
        wanted: What to add up.
    """

    def __init__(
        self, extractor: FeatureExtractor, image_shape: tuple[int, ...], wanted: Wanted
    ) -> None:
        self.wanted = wanted
        self.moments = Moments(extractor.num_features)
        self.inception = InceptionScore(
            extractor.num_classes, wanted.splits, wanted.inception, extractor.counted_classes
        )
        self.features = SampleBank(wanted.features, (extractor.num_features,), torch.float32)
        self.images = SampleBank(wanted.images, image_shape, torch.uint8)
        self.digests = SampleBank(wanted.blocks, (hashlib.sha256().digest_size,), torch.uint8)
        self.invalid = _Invalid()

    def to(self, device: torch.device) -> Totals:
        """Moves the sums to a device; to the CPU where the device has no float64."""
        place = torch.device("cpu") if device.type == "mps" else device
        self.device = place
        for metric in self._metrics():
            metric.to(place)
        return self

    def add(self, block: _Block) -> None:
        """Adds the images of one block."""
        block = block.to(self.device)
        self.moments.update(block.features[block.index < self.wanted.moments])
        if self.wanted.inception:
            self.inception.update(block.logits, block.index)
        self.features.update(block.features, block.index)
        self.images.update(block.images, block.index)
        self._note(block.images[block.index < self.wanted.count], block.index)
        self.invalid.update(block.invalid)

    def _note(self, images: Tensor, index: Tensor) -> None:
        """Keeps the digest of a block's images."""
        if len(images):
            digest = hashlib.sha256(images.cpu().contiguous().numpy().tobytes()).digest()
            row = torch.from_numpy(np.frombuffer(digest, np.uint8).copy())
            self.digests.update(row[None].to(self.device), index[:1] // BLOCK)

    def fingerprint(self) -> str:
        """Identifies the images that were looked at, their order included."""
        rows = self.digests.table()
        shape = tuple(self.images.rows.shape[1:])
        content = f"{self.wanted.count} {shape}".encode() + rows.cpu().numpy().tobytes()
        return hashlib.sha256(content).hexdigest()[:16]

    def check(self, what: str) -> None:
        """Raises `UserError` on every process if any image of any process was invalid."""
        broken, outside = self.invalid.compute().tolist()
        if broken or outside:
            raise UserError(
                f"{what}: of {self.wanted.count} images {broken} hold NaN or infinite values and "
                f"{outside} hold values out of range, so there are no scores. A generator that "
                "diverged does this: lower its learning rate, or start from an earlier checkpoint"
            )

    def _metrics(self) -> tuple[Metric, ...]:
        return (
            self.moments,
            self.inception,
            self.features,
            self.images,
            self.digests,
            self.invalid,
        )


class _Invalid(Metric):
    """Counts images with values that are not finite, or out of range."""

    full_state_update = False
    counts: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.add_state("counts", torch.zeros(2, dtype=torch.int64), dist_reduce_fx="sum")

    def update(self, counts: Tensor) -> None:
        self.counts += counts

    def compute(self) -> Tensor:
        return self.counts


@dataclass(frozen=True)
class _Block:
    """Consecutive images with what the extractor says of them."""

    index: Tensor
    images: Tensor
    features: Tensor
    logits: Tensor
    invalid: Tensor

    def to(self, device: torch.device) -> _Block:
        return _Block(
            index=self.index.to(device),
            images=self.images.to(device),
            features=self.features.to(device),
            logits=self.logits.to(device),
            invalid=self.invalid.to(device),
        )


def extract(
    source: ImageSource,
    extractor: FeatureExtractor,
    wanted: Wanted,
    device: torch.device,
    progress: str | None = None,
) -> Totals:
    """Runs the extractor over the first ``wanted.blocks`` blocks, shared by all processes.

    Blocks of a fixed size are dealt to the processes in turn; every process must call this, also
    those that get no block.

    Args:
        source: The images, 0 to 255.
        extractor: A prepared extractor.
        wanted: How many images are needed for what.
        device: Where to run the extractor.
        progress: Title of a progress bar, or ``None`` for none.

    Returns:
        The sums; reading them combines all processes.

    Raises:
        UserError: If there are fewer images than wanted, or some are invalid.
    """
    if len(source) < wanted.count:
        raise UserError(f"{wanted.count} images are wanted, but there are only {len(source)}")
    extractor.check(source.image_shape)
    totals = Totals(extractor, source.image_shape, wanted).to(device)
    on_all(lambda: _add_own_blocks(totals, source, extractor.to(device), device, progress))
    totals.check(progress or "images")
    return totals


def _add_own_blocks(
    totals: Totals,
    source: ImageSource,
    extractor: FeatureExtractor,
    device: torch.device,
    progress: str | None,
) -> None:
    """Adds the blocks of this process, and for a process without any, an empty one."""
    rank, world = rank_and_world()
    count = min(len(source), totals.wanted.blocks * BLOCK)
    bar = tqdm(
        total=count, desc=progress, unit="img", leave=False, disable=rank > 0 or progress is None
    )
    totals.add(_empty_block(source.image_shape, extractor, device))
    with torch.no_grad(), full_precision(device), bar:
        for start in range(rank * BLOCK, count, world * BLOCK):
            stop = min(start + BLOCK, count)
            images, invalid = source.block(start, stop)
            images = images.to(device)
            features, logits = extractor(images)
            index = torch.arange(start, stop, device=device)
            totals.add(_Block(index, images, features, logits, invalid.to(device)))
            bar.update(min(world * BLOCK, count - bar.n))


def _empty_block(
    image_shape: tuple[int, int, int], extractor: FeatureExtractor, device: torch.device
) -> _Block:
    return _Block(
        index=torch.zeros(0, dtype=torch.int64, device=device),
        images=torch.zeros(0, *image_shape, dtype=torch.uint8, device=device),
        features=torch.zeros(0, extractor.num_features, device=device),
        logits=torch.zeros(0, extractor.num_classes, device=device),
        invalid=torch.zeros(2, dtype=torch.int64, device=device),
    )
