"""The DataModule that every dataset shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from lightning.pytorch import LightningDataModule
from numpy.typing import NDArray
from torch import Tensor

from gan_lightning.data.feeding import training_loader
from gan_lightning.data.loading import DeviceCache, Elements, Picks, Pixels, to_batch
from gan_lightning.data.preparation.preparing import prepare
from gan_lightning.data.preparation.source import UNSTATED, Source
from gan_lightning.data.prepared import Prepared, open_prepared, refusal
from gan_lightning.errors import UserError
from gan_lightning.streams import require_seed

Split = Literal["train", "test"]

PREPARED = "gan_prepared"
"""The folder of prepared arrays below ``root``."""


class ImageData(LightningDataModule, ABC):
    """Images for training GANs: prepared once into one array, sampled by position.

    The batch of generator update ``t`` depends on ``(seed, t, rank)`` alone: an interrupted run
    that goes on sees what it would have seen. A subclass says what the images are and how to read
    them; everything else is here.

    Args:
        root: Folder of the dataset.
        batch_size: Images per discriminator update on each process: with several devices, an
            update looks at this many times their number.
        num_workers: Processes that read batches ahead, when the images are not on the device.
        seed: Seed of the sampling.
        sampling: "replacement" draws each batch uniformly from all images, as the papers' code
            does; "epoch" passes through a fresh permutation each epoch.
        flip: Mirror each image left-right with chance 1/2. The papers don't.
        device_cache: Keep the whole array on the device of the networks: "auto" when it fits the
            budget, "always", or "never". The images are the same either way.
        device_cache_gib: The budget of "auto", in GiB.
        download: Download the dataset into ``root`` if it isn't there.
        skip_bad: Leave out images that cannot be used, and report them, instead of stopping.
        num_predict: Number of images that prediction generates.
        predict_classes: Their classes, in turn, such as [3]; by default all in turn, where the
            networks have classes.
        prepared_root: Where prepared arrays are written, if not into ``root``.
        limit: Train on so many images of the training split, chosen at random; all by default.
            Scores still compare with the whole split.
        limit_seed: Which images those are; the same for runs of every seed. A smaller limit chooses
            some of what a larger one does.
    """

    value_range: tuple[float, float] = (-1.0, 1.0)
    """What the bytes 0 and 255 become."""
    num_classes: int | None = None
    """Number of classes, None where images have no labels."""
    name: str
    """The dataset's name, that of its class."""

    splits: tuple[Split, ...] = ("train",)
    """The splits that the dataset has."""
    downloadable: ClassVar[bool] = False
    """Whether it can be downloaded without a login."""
    counts: ClassVar[dict[Split, int]] = {}
    """Number of images that each split must have, where that is known."""
    contents: ClassVar[str] = "its images"
    """What ``root`` should hold, for the message when it doesn't."""
    preprocessing: str = UNSTATED
    """What is done to each image, and its version. Changes whenever the pixels would, so that an
    older array is not mistaken for theirs."""

    def __init__(
        self,
        root: str = "data",
        batch_size: int = 64,
        num_workers: int = 0,
        seed: int = 0,
        sampling: Literal["replacement", "epoch"] = "replacement",
        flip: bool = False,
        device_cache: Literal["auto", "always", "never"] = "auto",
        device_cache_gib: float = 4.0,
        download: bool = False,
        skip_bad: bool = False,
        num_predict: int = 64,
        predict_classes: list[int] | None = None,
        prepared_root: str | None = None,
        limit: int | None = None,
        limit_seed: int = 0,
    ) -> None:
        super().__init__()
        if limit is not None:
            self.at_least("limit", limit, 1)
        require_seed(limit_seed, "limit_seed")
        self.at_least("batch_size", batch_size, 1)
        self.at_least("num_workers", num_workers, 0)
        require_seed(seed)
        self.at_least("device_cache_gib", device_cache_gib, 0)
        self.at_least("num_predict", num_predict, 1)
        if download and not self.downloadable:
            raise UserError(
                f"true: {type(self).__name__} cannot be downloaded. Leave the option out, and let "
                "`root` hold the images.",
                "download",
            )
        self.name = type(self).__name__
        self.root = Path(root)
        self.batch_size = batch_size
        self.num_workers = num_workers
        self.seed = seed
        self.sampling = sampling
        self.flip = flip
        self.device_cache = device_cache
        self.device_cache_gib = device_cache_gib
        self.download = download
        self.skip_bad = skip_bad
        self.num_predict = num_predict
        self.predict_classes = predict_classes
        self.limit = limit
        self.limit_seed = limit_seed
        self.prepared_root = self.root if prepared_root is None else Path(prepared_root)
        self._splits_open: dict[str, Prepared] = {}
        self._cache: DeviceCache | None = None

    @property
    @abstractmethod
    def image_shape(self) -> tuple[int, int, int]:
        """``(C, H, W)`` of every image; a subclass may simply have an attribute of that name."""

    @abstractmethod
    def files(self, split: Split) -> list[Path]:
        """Lists what a split is read from, quickly and sorted; nothing if it isn't there.

        When a name, size or modification time of these changes, an array prepared from them is
        refused. When they are gone, the prepared array stands alone.
        """

    @abstractmethod
    def source(self, split: Split) -> Source:
        """Reads what is needed to prepare a split, downloading it if that was asked for.

        Raises:
            UserError: When the files are there but are not what they should be.
        """

    @staticmethod
    def at_least(option: str, value: float | None, least: int) -> None:
        """Refuses an option that is too small, or null where a number is wanted.

        Raises:
            UserError: When it is.
        """
        if value is None or not value >= least:
            raise UserError(f"{value} is not allowed. Choose at least {least}.", option)

    def prepared_folder(self, split: Split) -> Path:
        """Returns the folder of a prepared split."""
        return self.prepared_root / PREPARED / self.name / split

    def place(self, split: Split) -> tuple[str, Path]:
        """Returns the argument that says where a split's images are, and its value."""
        return "root", self.root

    def belongs_on_disk(self, split: Split) -> bool:
        """Says whether a split is to be prepared; held-out images are, if they are there."""
        return bool(split == "train" or self.files(split) or self.prepared_folder(split).exists())

    # Before training

    def prepare_data(self) -> None:
        """Prepares each split that is not prepared yet; Lightning calls it on local rank 0."""
        if self.trainer is None or not self.trainer.predicting:
            prepare(self)

    def setup(self, stage: str | None = None) -> None:
        """Memory-maps the training images; generating images needs none."""
        if stage == "predict":
            return
        count, limit = len(self.opened("train").images), self.limit
        if limit is not None and limit > count:
            raise UserError(
                f"{limit} is more than the {count} images of {self.name}. Choose at most {count}, "
                "or leave it out.",
                "limit",
            )
        count = limit or count
        if count < self.batch_size:
            raise UserError(
                f"{self.batch_size} is more than the {count} images of {self.name}"
                f"{' that limit leaves' if limit else ''}. Choose at most {count}.",
                "batch_size",
            )

    def images(self, split: Split = "train") -> NDArray[np.uint8]:
        """Returns the prepared images of a split, uint8 ``(count, C, H, W)``, memory-mapped."""
        return self.opened(split).images.transpose(0, 3, 1, 2)

    def labels(self, split: Split = "train") -> NDArray[np.int64] | None:
        """Returns the labels of a split, int64 ``(count,)``, or None without classes."""
        return self.opened(split).labels

    @property
    def class_names(self) -> Sequence[str] | None:
        """What each label means, or None where that is not known, or without classes."""
        return None if self.num_classes is None else self.opened("train").class_names

    def fingerprint(self, split: Split = "train") -> str:
        """Returns dataset, preprocessing and checksum of a prepared split in one line."""
        return self.opened(split).fingerprint

    def opened(self, split: Split) -> Prepared:
        """Opens a prepared split, once.

        Raises:
            UserError: When the dataset has no such split, or the array must not be used.
        """
        if split not in self.splits:
            raise UserError(
                f"the dataset {self.name} has no {split} split, only {', '.join(self.splits)}. "
                "Choose a dataset that has one."
            )
        if split not in self._splits_open:
            self._splits_open[split] = self.load(split)
        return self._splits_open[split]

    def load(self, split: Split) -> Prepared:
        """Opens a prepared split."""
        folder = self.prepared_folder(split)
        prepared = open_prepared(folder, self.name, split, self.preprocessing)
        channels, height, width = self.image_shape
        if prepared.images.shape[1:] != (height, width, channels):
            found = "x".join(map(str, prepared.images.shape[1:]))
            raise refusal(
                folder, f"holds images of {found}, where {height}x{width}x{channels} is wanted"
            )
        if self.num_classes is None:
            prepared.labels = None
        elif split == "train" and prepared.classes != self.num_classes:
            raise UserError(
                f"{self.num_classes} does not match the {prepared.classes} classes in {folder}. "
                "Set it to that number, or leave it out.",
                "num_classes",
            )
        return prepared

    # Training

    def train_dataloader(self) -> Iterable[Picks | Pixels]:
        """Returns the rest of the run as one epoch, from the trainer's position on."""
        assert self.trainer is not None, "training batches are addressed by a trainer's position"
        loader, self._cache = training_loader(self, self.trainer)
        return loader

    def on_after_batch_transfer(self, batch: object, dataloader_idx: int) -> object:
        """Turns picks and bytes into a Batch, on the device."""
        if isinstance(batch, Picks) and self._cache is not None:
            batch = self._cache.take(batch)
        if isinstance(batch, Pixels):
            return to_batch(batch, self.value_range)
        return batch

    def teardown(self, stage: str) -> None:
        """Frees the memory of the device."""
        self._cache = None

    # Evaluation and prediction generate their own images

    def val_dataloader(self) -> Iterable[Tensor]:
        """Returns one element: a validation is one event."""
        return Elements([torch.zeros(1)])

    def test_dataloader(self) -> Iterable[Tensor]:
        """Returns one element: a test is one event."""
        return Elements([torch.zeros(1)])

    def predict_dataloader(self) -> Iterable[Tensor]:
        """Returns the numbers of the images to generate: this rank's, int64, batch by batch."""
        rank, ranks = (
            (self.trainer.global_rank, self.trainer.world_size) if self.trainer else (0, 1)
        )
        return Elements(list(torch.arange(rank, self.num_predict, ranks).split(self.batch_size)))
