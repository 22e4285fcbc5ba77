"""Preparing a dataset: every image is read once, and written into one array.

The array grows in a folder ``<split>.part`` beside the place where it will lie, and gets its final
name by one rename once it is complete and on the disk. A run that is killed leaves the part, and
the next one goes on with it, after checking what is there. A lock lets one run work at a time.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from gan_lightning.data.preparation.durable import locked
from gan_lightning.data.preparation.source import signature
from gan_lightning.data.preparation.writing import write
from gan_lightning.data.prepared import IMAGES, Manifest, open_prepared, refusal
from gan_lightning.errors import UserError
from gan_lightning.files import sha256

if TYPE_CHECKING:
    from gan_lightning.data.base import ImageData, Split


def prepare(data: ImageData, processes: int = 0) -> None:
    """Prepares each split of a dataset that is not prepared yet.

    Args:
        data: The dataset.
        processes: Number of processes that decode images; 0 for one per available core.

    Raises:
        UserError: When the dataset is missing or damaged, when it can't be written, or when
            something prepared is there that doesn't belong to it.
    """
    for split in data.splits:
        if data.belongs_on_disk(split):
            _prepare_split(data, split, processes or len(os.sched_getaffinity(0)))


def _prepare_split(data: ImageData, split: Split, processes: int) -> None:
    folder = data.prepared_folder(split)
    if not folder.exists():
        _refuse_missing(data, split)
        with locked(folder):
            if not folder.exists():  # another run may have finished while this one waited
                _write_split(data, split, processes)
    _check(data, split)


def _refuse_missing(data: ImageData, split: Split) -> None:
    if not data.files(split) and not data.download:
        download = ", or download it with --data.download true" if data.downloadable else ""
        raise UserError(
            f"--data.root {data.root} does not hold {data.contents}. Point --data.root to the "
            f"folder that does{download}."
        )


def _write_split(data: ImageData, split: Split, processes: int) -> None:
    files = data.files(split)
    state = signature(files)  # before reading: what changes meanwhile is noticed later
    source = data.source(split)
    count, expected = len(source.items), data.counts.get(split)
    if expected not in (None, count):
        raise UserError(
            f"--data.root {data.root} holds {count:,} {split} images of {data.name}, "
            f"which has {expected:,}. Complete it and run again."
        )
    channels, height, width = data.image_shape
    manifest = Manifest(
        dataset=data.name,
        split=split,
        preprocessing=data.preprocessing,
        source=state if files else signature(data.files(split)),
        shape=(count, height, width, channels),
    )
    write(source, manifest, data.prepared_folder(split), processes, data.skip_bad)


def _check(data: ImageData, split: Split) -> None:
    """Refuses an array that was prepared from other files than those that are there now."""
    folder, files = data.prepared_folder(split), data.files(split)
    open_prepared(folder, data.name, split, data.preprocessing)
    if files and Manifest.load(folder).source != signature(files):
        raise refusal(folder, f"was prepared from files in {data.root} that have changed since")


def verify(data: ImageData) -> None:
    """Reads every prepared split of a dataset and compares it with its checksums.

    Raises:
        UserError: When a byte has changed, or nothing is prepared.
    """
    for split in data.splits:
        if data.belongs_on_disk(split):
            folder = data.prepared_folder(split)
            open_prepared(folder, data.name, split, data.preprocessing)
            if sha256(folder / IMAGES) != Manifest.load(folder).sha256:
                raise refusal(folder / IMAGES, "does not have the checksum of its manifest")
