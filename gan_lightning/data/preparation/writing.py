"""Writing a prepared array: in blocks, by several processes, so that a killed run can go on.

Every finished block is noted in a journal with its checksum. Whoever goes on believes the journal
only as far as the bytes on disk agree with it.
"""

from __future__ import annotations

import fcntl
import io
import logging
import os
import shutil
import zlib
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from gan_lightning.data.preparation.blocks import Block, Report, Target, fill_all
from gan_lightning.data.preparation.journal import journal_line, read_journal
from gan_lightning.data.preparation.source import Source
from gan_lightning.data.prepared import IMAGES, LABELS, MANIFEST, Manifest
from gan_lightning.errors import UserError
from gan_lightning.files import sha256, sync, write_whole

log = logging.getLogger(__name__)

BLOCK_IMAGES = 64
"""Images of one block: a quarter of a second of ILSVRC2012 is the most that a kill loses."""

PLAN, JOURNAL, WRITERS = "plan.json", "journal.jsonl", "writers.lock"


def write(source: Source, manifest: Manifest, folder: Path, processes: int, skip_bad: bool) -> None:
    """Prepares one split, going on where an earlier run was killed.

    Args:
        source: The images.
        manifest: What is to be written, without the checksums.
        folder: Where it goes once it is complete.
        processes: Number of processes that decode images.
        skip_bad: Leave bad images out instead of stopping at the first.

    Raises:
        UserError: When an image is bad, or the disk is full.
    """
    part = Part(folder.with_name(f"{folder.name}.part"), manifest)
    try:
        part.resume()
        part.check_space()
        part.fill(source, processes, skip_bad)
        part.finish(source.labels, folder)
    except OSError as error:
        raise UserError(
            f"{part.path} could not be written ({error.strerror or error}). What is done is kept: "
            "free some space, or choose another place with --data.prepared_root, and run again."
        ) from error


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
        self.header = _header(self.plan.shape)
        self.image_bytes = int(np.prod(self.plan.shape[1:]))
        self.bytes = len(self.header) + self.plan.shape[0] * self.image_bytes
        self.reports: dict[int, Report] = {}

    def blocks(self) -> list[Block]:
        """Returns all blocks of the array."""
        count = self.plan.shape[0]
        return [
            Block(first, min(first + BLOCK_IMAGES, count))
            for first in range(0, count, BLOCK_IMAGES)
        ]

    def offset(self, index: int) -> int:
        """Returns where image ``index`` begins in the file."""
        return len(self.header) + index * self.image_bytes

    # Going on

    def resume(self) -> None:
        """Takes over what an earlier run of the same plan left, or begins afresh."""
        if not self._same_plan():
            self._begin()
        self._wait_for_writers()
        with self.images.open("r+b") as file:
            file.truncate(self.bytes)  # a sparse file: no space is taken yet
            file.write(self.header)
        self.reports = self._believed()
        lines = [journal_line(first, report) for first, report in self.reports.items()]
        write_whole(self.path / JOURNAL, "".join(lines))

    def _begin(self) -> None:
        if self.path.exists():
            log.warning("%s was begun from other files: beginning again.", self.path)
            self._wait_for_writers()
            shutil.rmtree(self.path)
        self.path.mkdir()
        self.images.touch()
        write_whole(self.path / PLAN, self.plan.dumps())

    def _same_plan(self) -> bool:
        try:
            return (self.path / PLAN).read_text() == self.plan.dumps() and self.images.exists()
        except OSError:
            return False

    def _wait_for_writers(self) -> None:
        """Waits until no process of a killed run can write any more (they notice at once)."""
        with (self.path / WRITERS).open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)

    def _believed(self) -> dict[int, Report]:
        """Returns the journal's reports of blocks that are on the disk as it says."""
        noted = read_journal(self.path / JOURNAL)
        with self.images.open("rb") as file:
            return {
                block.first: noted[block.first]
                for block in self.blocks()
                if block.first in noted and self._crc(file, block) == noted[block.first].crc
            }

    def _crc(self, file: io.BufferedReader, block: Block) -> int:
        file.seek(self.offset(block.first))
        return zlib.crc32(file.read(len(block) * self.image_bytes))

    def check_space(self) -> None:
        """Stops before the work, not in the middle of it, when the disk is too small."""
        needed = self.bytes - self.images.stat().st_blocks * 512
        free = shutil.disk_usage(self.path).free
        if needed > free:
            raise UserError(
                f"{self.path} needs {needed / 1e6:,.0f} MB, the disk has {free / 1e6:,.0f} MB "
                "free. Free some, or choose another place with --data.prepared_root."
            )

    # Filling

    def fill(self, source: Source, processes: int, skip_bad: bool) -> None:
        """Reads the images that are missing, several blocks at a time."""
        todo = [block for block in self.blocks() if block.first not in self.reports]
        title = f"{self.plan.dataset} {self.plan.split}"
        missing = sum(len(block) for block in todo)
        count = self.plan.shape[0]
        target = Target(
            self.images, self.path / WRITERS, len(self.header), tuple(self.plan.shape[1:])
        )
        with (
            (self.path / JOURNAL).open("a", buffering=1) as journal,
            closing(fill_all(todo, source, target, processes)) as filled,
            tqdm(total=count, initial=count - missing, desc=title, disable=None) as bar,
        ):
            for block, report in filled:
                if not skip_bad:
                    report.refuse_bad()
                self.reports[block.first] = report
                journal.write(journal_line(block.first, report))
                bar.update(len(block))
        if not skip_bad:
            for report in self.reports.values():
                report.refuse_bad()

    # Finishing

    def finish(self, labels: NDArray[np.int64] | None, folder: Path) -> None:
        """Closes the gaps of bad images, writes labels and manifest, and gives the final name."""
        bad = {i: image for report in self.reports.values() for i, image in report.bad.items()}
        order = _without(self.plan.shape[0], sorted(bad))
        if not len(order):
            raise UserError(f"{self.plan.dataset} has no image that can be used: {_listed(bad)}")
        self._move(order)
        manifest = replace(
            self.plan,
            shape=(len(order), *self.plan.shape[1:]),
            bytes=self.images.stat().st_size,
            sha256=sha256(self.images),
            labels_sha256=self._write_labels(None if labels is None else labels[order]),
            skipped=dict(bad.values()),
        )
        write_whole(self.path / MANIFEST, manifest.dumps())
        sync(self.path)
        self.path.rename(folder)
        sync(folder.parent)
        for leftover in (PLAN, JOURNAL, WRITERS):
            (folder / leftover).unlink(missing_ok=True)
        if bad:
            log.warning(
                "%d of %d images were left out: %s", len(bad), len(order) + len(bad), _listed(bad)
            )

    def _move(self, order: NDArray[np.int64]) -> None:
        """Moves images from the end of the array into the gaps, then cuts the end off.

        What is moved stays where it was until the cut, so that a kill in between costs the moved
        blocks only: their checksums no longer agree, and they are read again.
        """
        with self.images.open("r+b") as file:
            for index in np.flatnonzero(order != np.arange(len(order))).tolist():
                file.seek(self.offset(int(order[index])))
                image = file.read(self.image_bytes)
                file.seek(self.offset(index))
                file.write(image)
            file.seek(0)
            file.write(_header((len(order), *self.plan.shape[1:])))
            file.truncate(self.offset(len(order)))
            file.flush()
            os.fsync(file.fileno())

    def _write_labels(self, labels: NDArray[np.int64] | None) -> str | None:
        if labels is None:
            return None
        with (self.path / LABELS).open("wb") as file:
            np.save(file, labels)
            file.flush()
            os.fsync(file.fileno())
        return sha256(self.path / LABELS)


def _without(count: int, bad: list[int]) -> NDArray[np.int64]:
    """Returns which image of ``count`` goes to each place when the bad ones are left out.

    Good images stay where they are, as far as possible: only those from the end move.
    """
    good = np.setdiff1d(np.arange(count), bad)
    order = np.arange(len(good))
    gaps = [place for place in bad if place < len(good)]
    order[np.array(gaps, np.int64)] = good[good >= len(good)]
    return order


def _listed(bad: dict[int, tuple[str, str]]) -> str:
    shown = [f"{name}: {problem}" for name, problem in list(bad.values())[:10]]
    more = [f"and {len(bad) - 10} more, see {MANIFEST}"] if len(bad) > 10 else []
    return "; ".join(shown + more)


def _header(shape: tuple[int, ...]) -> bytes:
    """Returns the head of an npy file; numpy pads it so that its length is that of any count."""
    buffer = io.BytesIO()
    form = {"descr": "|u1", "fortran_order": False, "shape": tuple(map(int, shape))}
    np.lib.format.write_array_header_1_0(buffer, form)
    return buffer.getvalue()
