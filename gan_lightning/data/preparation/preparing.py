"""Preparing a dataset: every image is read once, and written into one array.

The array grows in a folder ``<split>.part`` beside the place where it will lie, and gets its final
name by one rename once it is complete and on the disk. A run that is killed leaves the part, and
the next one goes on with it. A lock lets one run work at a time.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from filelock import FileLock, Timeout

from gan_lightning.data.preparation.reading import available_cores
from gan_lightning.data.preparation.reusing import reusing
from gan_lightning.data.preparation.source import Source, signature, states
from gan_lightning.data.preparation.writing import replaced, write
from gan_lightning.data.prepared import IMAGES, Manifest, open_prepared, refusal
from gan_lightning.errors import UserError
from gan_lightning.files import sha256

if TYPE_CHECKING:
    from gan_lightning.data.base import ImageData, Split

log = logging.getLogger(__name__)


def prepare(data: ImageData, processes: int = 0, again: bool = False) -> None:
    """Prepares each split of a dataset that is not prepared yet.

    Args:
        data: The dataset.
        processes: Number of processes that decode images; 0 for one per available core.
        again: Prepare also what is prepared already, and replace it. Images whose files are as
            they were are taken over.

    Raises:
        UserError: When the dataset is missing or damaged, when it can't be written, or when
            something prepared is there that doesn't belong to it.
        KeyboardInterrupt: With a message, when Ctrl-C was pressed.
    """
    for split in data.splits:
        if data.belongs_on_disk(split):
            _prepare_split(data, split, processes or available_cores(), again)


def _prepare_split(data: ImageData, split: Split, processes: int, again: bool) -> None:
    folder = data.prepared_folder(split)
    if again or not folder.exists():
        _refuse_missing(data, split)
        with locked(folder):
            if again or not folder.exists():  # another run may have finished meanwhile
                _write_split(data, split, processes)
    elif replaced(folder).exists():  # a run was killed just before it could delete it
        shutil.rmtree(replaced(folder), ignore_errors=True)
    _check(data, split)
    if not data.files(split):  # moved away by the user, or mistyped
        place = " ".join(map(str, data.place(split)))
        log.warning("%s: nothing is there; what was prepared before is used: %s", place, folder)


def _refuse_missing(data: ImageData, split: Split) -> None:
    if not data.files(split) and not data.download:
        download = ", or download it with `download` true" if data.downloadable else ""
        argument, place = data.place(split)
        raise UserError(
            f"{place} does not hold {data.contents}. Point it to the folder that does{download}.",
            argument,
        )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lets one process at a time prepare ``folder``; the others wait.

    Raises:
        UserError: When the place cannot be written.
    """
    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _acquire(lock, folder)
    except OSError as error:
        raise UserError(
            f"{folder.parent} cannot be written ({error.strerror}). Choose a folder for prepared "
            "arrays by `prepared_root`."
        ) from error
    try:
        yield
    finally:
        lock.release()


def _acquire(lock: FileLock, folder: Path) -> None:
    try:
        lock.acquire(blocking=False)
    except Timeout:
        log.warning("Another process is preparing %s; waiting for it.", folder)
        lock.acquire()


def _write_split(data: ImageData, split: Split, processes: int) -> None:
    files = data.files(split)
    before = states(files)  # before reading: what changes meanwhile is noticed later
    source = data.source(split)
    _check_source(data, split, source)
    channels, height, width = data.image_shape
    plan = Manifest(
        dataset=data.name,
        split=split,
        preprocessing=data.preprocessing,
        source=signature(before if files else states(data.files(split))),
        shape=(len(source.items), height, width, channels),
    )
    folder = data.prepared_folder(split)
    if isinstance(source.items, list) and source.items == files:  # each image is a file
        source = reusing(source, before, folder, plan)
        write(source, before, plan, folder, processes, data.skip_bad)
    else:
        write(source, None, plan, folder, processes, data.skip_bad)


def _check_source(data: ImageData, split: Split, source: Source) -> None:
    """Refuses what is not the whole of a dataset, or not well formed."""
    count, expected, labels = len(source.items), data.counts.get(split), source.labels
    argument, place = data.place(split)
    if expected not in (None, count):
        raise UserError(
            f"{place} holds {count:,} {split} images of {data.name}, which has {expected:,}. "
            "Complete it and run again.",
            argument,
        )
    if not count:
        raise UserError(f"{place} holds no {split} images of {data.name}.", argument)
    if labels is not None and (
        np.shape(labels) != (count,) or labels.dtype != np.int64 or labels.min() < 0
    ):
        raise UserError(
            f"{data.name}.source({split!r}) gives labels {labels.dtype} {np.shape(labels)} for "
            f"{count:,} images. One int64 >= 0 is wanted for each."
        )


def _check(data: ImageData, split: Split) -> None:
    """Refuses an array that was prepared from other files than those that are there now."""
    folder, files = data.prepared_folder(split), data.files(split)
    open_prepared(folder, data.name, split, data.preprocessing)
    if files and Manifest.load(folder).source != signature(states(files)):
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
