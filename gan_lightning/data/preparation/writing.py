"""Writing a prepared array from its first image to its last, so that a killed run can go on.

Images are appended in order by one process. Every few seconds they are flushed to the disk, and
then, by an atomic write, how far they are good. Whoever goes on cuts off what follows that mark.
(A memory-mapped array would need no less: on a full disk it ends the process with a SIGBUS instead
of an error, and when its pages reach the disk is up to the kernel.)
"""

from __future__ import annotations

import io
import json
import logging
import os
import shutil
import time
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data.preparation.progress import progress
from gan_lightning.data.preparation.reading import (
    Bad,
    ReadBlock,
    ReadBlocks,
    killed_workers_explained,
    read_in_order,
)
from gan_lightning.data.preparation.source import Source
from gan_lightning.data.prepared import IMAGES, LABELS, MANIFEST, STATES, Manifest
from gan_lightning.errors import UserError
from gan_lightning.files import sha256, sync, whole, write_whole

log = logging.getLogger(__name__)

BLOCK_IMAGES = 64
"""Images of one block: a quarter of a second of ILSVRC2012."""

MARK_SECONDS = 2.0
"""Time between two marks, and about the most that a kill loses."""

PLAN, MARK = "plan.json", "mark.json"


@dataclass(frozen=True)
class Mark:
    """How far an array is good.

    Attributes:
        items: Number of items that have been read.
        bad: Those of them that were left out.
    """

    items: int = 0
    bad: Bad = field(default_factory=dict)

    @property
    def images(self) -> int:
        """Number of images in the array."""
        return self.items - len(self.bad)

    def after(self, block: ReadBlock) -> Mark:
        """Returns the mark behind one more block."""
        return Mark(block.items.stop, {**self.bad, **block.bad} if block.bad else self.bad)

    @classmethod
    def load(cls, path: Path) -> Mark:
        """Reads a mark; one that is missing or damaged stands at the beginning."""
        try:
            noted = json.loads(path.read_text())
            bad = {int(item): (name, problem) for item, (name, problem) in noted["bad"].items()}
            return cls(int(noted["items"]), bad)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return cls()


def write(
    source: Source,
    states: NDArray[np.uint64] | None,
    plan: Manifest,
    folder: Path,
    processes: int,
    skip_bad: bool,
) -> None:
    """Prepares one split, going on where an earlier run was killed.

    Args:
        source: The images.
        states: The state of each item's file, or None where an item is no file.
        plan: What is to be written, without the checksums.
        folder: Where it goes once it is complete; what is there is replaced.
        processes: Number of processes that decode images.
        skip_bad: Leave bad images out instead of stopping at the first.

    Raises:
        UserError: When an image is bad, or the disk is full.
        KeyboardInterrupt: With a message, when Ctrl-C was pressed.
    """
    part = Part(folder.with_name(f"{folder.name}.part"), plan)
    try:
        part.resume()
        part.check_space()
        part.fill(source, processes, skip_bad)
        part.finish(source, states)
        part.replace(folder)
    except OSError as error:
        raise UserError(
            f"{part.path} could not be written ({error.strerror or error}). What is done is kept: "
            "free some space, or choose another place by `prepared_root`, and run again."
        ) from error
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Interrupted. What is done is kept in {part.path}: run again to go on."
        ) from None


@dataclass
class Part:
    """An array that is being prepared.

    Args:
        path: The folder it grows in.
        plan: What it will be.
    """

    path: Path
    plan: Manifest

    def __post_init__(self) -> None:
        """Lays out the file."""
        self.images = self.path / IMAGES
        self.count = self.plan.shape[0]
        self.mark = Mark()

    def offset(self, image: int) -> int:
        """Returns where an image begins in the file."""
        return len(_header(self.plan.shape)) + image * int(np.prod(self.plan.shape[1:]))

    # Going on

    def resume(self) -> None:
        """Takes over what an earlier run of the same plan left, or begins afresh."""
        if not self._same_plan():
            self._begin()
        mark = Mark.load(self.path / MARK)
        if self.images.stat().st_size >= self.offset(mark.images) and mark.items <= self.count:
            self.mark = mark
        os.truncate(self.images, self.offset(self.mark.images))

    def _same_plan(self) -> bool:
        try:
            return (self.path / PLAN).read_text() == self.plan.dumps() and self.images.exists()
        except (OSError, ValueError):
            return False

    def _begin(self) -> None:
        if self.path.exists():
            log.warning("%s was begun from other files: beginning again.", self.path)
            shutil.rmtree(self.path)
        self.path.mkdir()
        self.images.touch()
        write_whole(self.path / PLAN, self.plan.dumps())

    def check_space(self) -> None:
        """Stops before the work, not in the middle of it, when the disk is too small."""
        needed = self.offset(self.count) - self.offset(self.mark.images)
        free = shutil.disk_usage(self.path).free
        if needed > free:
            raise UserError(
                f"{self.path} needs {needed / 1e6:,.0f} MB, the disk has {free / 1e6:,.0f} MB "
                "free. Free some, or choose another place by `prepared_root`."
            )

    # Filling

    def fill(self, source: Source, processes: int, skip_bad: bool) -> None:
        """Appends the images that are missing."""
        if not skip_bad:
            _refuse(self.mark.bad)
        title = f"{self.plan.dataset} {self.plan.split}"
        blocks = ReadBlocks(source, self.plan.shape[1:])
        with (
            self.images.open("r+b") as file,
            progress(title, self.count, self.mark.items) as advance,
            killed_workers_explained(),
            closing(read_in_order(blocks, self._missing(), processes)) as reading,
        ):
            file.seek(self.offset(self.mark.images))
            marked = time.monotonic()
            try:
                for block in reading:
                    if not skip_bad:
                        _refuse(block.bad)
                    file.write(block.images.data)
                    self.mark = self.mark.after(block)
                    advance(len(block.items))
                    if time.monotonic() - marked >= MARK_SECONDS:
                        self._set_mark(file)
                        marked = time.monotonic()
            finally:
                self._set_mark(file)

    def _missing(self) -> list[range]:
        starts = range(self.mark.items, self.count, BLOCK_IMAGES)
        return [range(start, min(start + BLOCK_IMAGES, self.count)) for start in starts]

    def _set_mark(self, file: IO[bytes]) -> None:
        """Notes how far the array is good, after it has reached the disk that far."""
        file.flush()
        os.fsync(file.fileno())
        write_whole(self.path / MARK, json.dumps(asdict(self.mark)))

    # Finishing

    def finish(self, source: Source, states: NDArray[np.uint64] | None) -> None:
        """Writes what belongs beside the images, the manifest last."""
        bad = self.mark.bad
        kept = np.delete(np.arange(self.count), list(bad))
        if not len(kept):
            raise UserError(f"{self.plan.dataset} has no image that can be used: {_listed(bad)}")
        self._write_header(len(kept))
        if states is not None:
            self._save(STATES, states[kept])
        manifest = replace(
            self.plan,
            shape=(len(kept), *self.plan.shape[1:]),
            bytes=self.images.stat().st_size,
            sha256=sha256(self.images),
            labels_sha256=None
            if source.labels is None
            else self._save(LABELS, source.labels[kept]),
            class_names=None if source.class_names is None else tuple(source.class_names),
            skipped=dict(bad.values()),
        )
        write_whole(self.path / MANIFEST, manifest.dumps())
        if bad:
            log.warning("%d of %d images were left out: %s", len(bad), self.count, _listed(bad))

    def _write_header(self, count: int) -> None:
        with self.images.open("r+b") as file:
            file.write(_header((count, *self.plan.shape[1:])))
            file.flush()
            os.fsync(file.fileno())

    def _save(self, name: str, array: NDArray[np.generic]) -> str:
        with whole(self.path / name) as file:
            np.save(file, array)
        return sha256(self.path / name)

    def replace(self, folder: Path) -> None:
        """Gives the part its final name; what had it before goes."""
        old = replaced(folder)
        if folder.exists():
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
        self.path.rename(folder)
        sync(folder.parent)
        shutil.rmtree(old, ignore_errors=True)
        for path in folder.iterdir():
            if path.name not in (IMAGES, LABELS, STATES, MANIFEST):
                path.unlink()


def replaced(folder: Path) -> Path:
    """Returns the name of what a newly prepared folder replaces, for the moment it takes."""
    return folder.with_name(f"{folder.name}.old")


def _refuse(bad: Bad) -> None:
    for name, problem in bad.values():
        raise UserError(
            f"{name}: {problem}. Repair or remove it, or leave out all bad images with "
            "`skip_bad` true."
        )


def _listed(bad: Bad) -> str:
    shown = [f"{name}: {problem}" for name, problem in list(bad.values())[:10]]
    more = [f"and {len(bad) - 10} more, see {MANIFEST}"] if len(bad) > 10 else []
    return "; ".join(shown + more)


def _header(shape: tuple[int, ...]) -> bytes:
    """Returns the head of an npy file; numpy pads it so that its length is that of any count."""
    buffer = io.BytesIO()
    form = {"descr": "|u1", "fortran_order": False, "shape": tuple(map(int, shape))}
    np.lib.format.write_array_header_1_0(buffer, form)
    return buffer.getvalue()
