"""A prepared array: a dataset's images as one file of bytes, which training reads by row.

A prepared split is a folder of ``images.npy`` (uint8, ``(count, H, W, C)``), ``labels.npy`` (int64,
where there are classes), ``states.npy`` (uint64, where each image is a file: which files they were
read from) and ``manifest.json``, which says what the images were made from, how, and what they
must hash to. The folder appears under its name only when it is complete.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_lightning.errors import UserError, reading
from gan_lightning.files import sha256

IMAGES, LABELS, STATES, MANIFEST = "images.npy", "labels.npy", "states.npy", "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a prepared split was made from, how, and what it must be.

    Attributes:
        dataset: Name of the dataset.
        split: "train" or "test".
        preprocessing: What was done to each image; changes whenever the pixels would.
        source: What the images were read from, to notice when that has changed.
        shape: ``(count, H, W, C)`` of the images.
        bytes: Size of the images' file.
        sha256: Checksum of the images' file.
        labels_sha256: Checksum of the labels' file, or None without labels.
        class_names: What each label means, or None where that is not known.
        skipped: Bad images that were left out, and what was wrong with each.
    """

    dataset: str
    split: str
    preprocessing: str
    source: str
    shape: tuple[int, ...]
    bytes: int = 0
    sha256: str = ""
    labels_sha256: str | None = None
    class_names: tuple[str, ...] | None = None
    skipped: dict[str, str] = field(default_factory=dict)

    def _require_kinds(self) -> None:
        """Raises `TypeError` unless every value is of the kind it should be."""
        words = (self.dataset, self.split, self.preprocessing, self.source, self.sha256)
        numbers = (self.bytes, *self.shape)
        if not all(isinstance(word, str) for word in words):
            raise TypeError("names and checksums are text")
        if not all(type(number) is int for number in numbers) or len(self.shape) != 4:
            raise TypeError("sizes are integers")
        if not isinstance(self.labels_sha256, str | None) or not isinstance(self.skipped, dict):
            raise TypeError("labels_sha256 is text, skipped a mapping")

    def dumps(self) -> str:
        """Returns the manifest as JSON."""
        return json.dumps(asdict(self), indent=1) + "\n"

    @classmethod
    def load(cls, folder: Path) -> Manifest:
        """Reads the manifest of a prepared folder.

        Raises:
            UserError: When it is unreadable.
        """
        path = folder / MANIFEST
        with reading(lambda s: refusal(path, f"is not a manifest of prepared images ({s})")):
            values: dict[str, Any] = json.loads(path.read_text())
            values["shape"] = tuple(values["shape"])
            names = values.get("class_names")
            values["class_names"] = None if names is None else tuple(map(str, names))
            manifest = cls(**values)
            manifest._require_kinds()
            return manifest


def refusal(path: Path, problem: str) -> UserError:
    """Returns the error for something prepared that must not be trained on."""
    folder = path if path.is_dir() else path.parent
    return UserError(
        f"{path} {problem}. It is neither used nor replaced. Run `gan prepare` with `again` true "
        f"to prepare it again, or move or delete the folder {folder}."
    )


class Prepared:
    """The images and labels of one split.

    Args:
        images: uint8 ``(count, H, W, C)``, in memory or memory-mapped.
        labels: int64 ``(count,)``, or None.
        fingerprint: Names dataset, preprocessing and checksum.
        path: The images' file, or None for images in memory.
        class_names: What each label means, or None.
    """

    def __init__(
        self,
        images: NDArray[np.uint8],
        labels: NDArray[np.int64] | None,
        fingerprint: str,
        path: Path | None = None,
        class_names: Sequence[str] | None = None,
    ) -> None:
        self.images = images
        self.labels = labels
        self.fingerprint = fingerprint
        self.path = path
        self.class_names = class_names

    @property
    def classes(self) -> int:
        """Number of classes, 0 without labels."""
        if self.labels is not None and self.class_names is not None:
            return len(self.class_names)
        return 0 if self.labels is None else int(self.labels.max()) + 1

    def rows(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        """Copies images out of the array, ``(N,) -> (N, H, W, C)``.

        Files are read row by row instead of through the memory map: the pages of a map count as
        the process's own memory, which for ILSVRC2012 would grow to 63 GB. (Systems that cannot
        read at a position without moving there, which forked workers share, use the map.)
        """
        if self.path is None or not hasattr(os, "preadv"):
            return self.images[indices]
        assert isinstance(self.images, np.memmap)
        rows = np.empty((len(indices), *self.images.shape[1:]), np.uint8)
        start, size = self.images.offset, rows[0].nbytes
        for row, index in zip(rows, indices.tolist(), strict=True):
            if os.preadv(self._file, [row.data], start + index * size) != size:
                raise refusal(self.path, "ends before its last image")
        return rows

    def tensor(self) -> Tensor:
        """Returns all images as uint8 ``(count, H, W, C)``, still memory-mapped."""
        if self.path is None:
            return torch.from_numpy(self.images)
        # "c" maps privately: torch has no read-only tensors, and this one cannot harm the file.
        return torch.from_numpy(np.load(self.path, mmap_mode="c"))

    @cached_property
    def _file(self) -> int:
        assert self.path is not None
        return os.open(self.path, os.O_RDONLY)

    def __getstate__(self) -> dict[str, Any]:
        """Leaves out the open file: a worker opens its own, and maps instead of copying."""
        state = {name: value for name, value in self.__dict__.items() if name != "_file"}
        return state if self.path is None else {**state, "images": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Maps the images again."""
        self.__dict__.update(state)
        if self.path is not None:
            self.images = np.load(self.path, mmap_mode="r")

    def __del__(self) -> None:
        """Closes the file."""
        if "_file" in self.__dict__:
            os.close(self._file)


def open_prepared(folder: Path, dataset: str, split: str, preprocessing: str) -> Prepared:
    """Memory-maps a prepared split after cheap checks (no pixel is read).

    Args:
        folder: Where it lies.
        dataset: Name of the dataset that is wanted.
        split: The split that is wanted.
        preprocessing: The preprocessing that is wanted.

    Returns:
        The images and labels.

    Raises:
        UserError: When the manifest is damaged, tells of something else, or does not match the
            arrays beside it.
    """
    manifest = Manifest.load(folder)
    wanted = {"dataset": dataset, "split": split, "preprocessing": preprocessing}
    for key, value in wanted.items():
        found = getattr(manifest, key)
        if found != value:
            raise refusal(folder / MANIFEST, f"has {key} {found!r}, where {value!r} is wanted")
    images = mapped(folder / IMAGES, manifest)
    labels, path = _labels(folder, manifest), folder / IMAGES
    return Prepared(images, labels, _fingerprint(manifest), path, manifest.class_names)


def mapped(path: Path, manifest: Manifest) -> NDArray[np.uint8]:
    """Memory-maps the images' file of a manifest.

    Raises:
        UserError: When it is not what the manifest says.
    """
    with reading(lambda said: refusal(path, f"is not a numpy array that can be read ({said})")):
        size = path.stat().st_size
        if size != manifest.bytes:
            raise refusal(path, f"has {size:,} bytes, its manifest says {manifest.bytes:,}")
        images: NDArray[np.uint8] = np.lib.format.open_memmap(path, mode="r")
    if images.shape != manifest.shape or images.dtype != np.uint8:
        found = f"{images.dtype} {images.shape}"
        raise refusal(path, f"holds {found}, its manifest says uint8 {manifest.shape}")
    return images


def _labels(folder: Path, manifest: Manifest) -> NDArray[np.int64] | None:
    if manifest.labels_sha256 is None:
        return None
    path = folder / LABELS
    with reading(lambda said: refusal(path, f"cannot be read ({said})")):
        if sha256(path) != manifest.labels_sha256:
            raise refusal(path, "does not match its manifest")
        labels: NDArray[np.int64] = np.load(path)
    if labels.shape != manifest.shape[:1]:
        raise refusal(path, "does not match its manifest")
    return labels


def _fingerprint(manifest: Manifest) -> str:
    return (
        f"{manifest.dataset} {manifest.split}; {manifest.preprocessing}; sha256:{manifest.sha256}"
    )
