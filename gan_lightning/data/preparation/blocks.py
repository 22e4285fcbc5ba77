"""Reading a block of images and writing it to its place, here or in several processes."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import pickle
import signal
import threading
import zlib
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gan_lightning.data.preparation.source import Source
from gan_lightning.errors import UserError
from gan_lightning.image_files import BadImage

FEW_BLOCKS = 8
"""So many blocks are read before another process would have started."""


@dataclass(frozen=True)
class Block:
    """Images ``first`` to ``stop`` (exclusive) of an array."""

    first: int
    stop: int

    def __len__(self) -> int:
        """Returns the number of images."""
        return self.stop - self.first


@dataclass(frozen=True)
class Report:
    """What became of a block.

    Attributes:
        crc: CRC-32 of the block's bytes on disk.
        bad: The index of each bad image, its name, and what is wrong with it.
    """

    crc: int
    bad: dict[int, tuple[str, str]]

    def refuse_bad(self) -> None:
        """Stops at a bad image.

        Raises:
            UserError: When there is one.
        """
        for name, problem in self.bad.values():
            raise UserError(
                f"{name}: {problem}. Repair or remove it, or leave out all bad images with "
                "--data.skip_bad true."
            )


@dataclass(frozen=True)
class Target:
    """Where blocks are written.

    Attributes:
        images: The file.
        writers: A lock that each writing process shares while it lives.
        first_byte: Where the first image begins.
        shape: ``(H, W, C)`` of an image.
    """

    images: Path
    writers: Path
    first_byte: int
    shape: tuple[int, ...]


def fill_all(
    blocks: Sequence[Block], source: Source, target: Target, processes: int
) -> Generator[tuple[Block, Report]]:
    """Fills blocks, in any order.

    Args:
        blocks: What to fill.
        source: Where the images come from.
        target: Where they go.
        processes: Number of processes; 1 does it here.

    Yields:
        Each block when it is on disk, with what became of it.
    """
    if processes == 1 or len(blocks) <= FEW_BLOCKS:
        for block in blocks:
            items = source.items[block.first : block.stop]
            yield block, fill(block, items, source.read, target)
    else:
        yield from _fill_in_processes(blocks, source, target, processes)


def _fill_in_processes(
    blocks: Sequence[Block], source: Source, target: Target, processes: int
) -> Generator[tuple[Block, Report]]:
    pickle.dumps(source.read)  # fails here if it cannot be sent, where the pool would hang
    with ProcessPoolExecutor(processes, None, _begin_worker, (target.writers,)) as pool:
        try:
            futures = {}
            for block in blocks:
                items = source.items[block.first : block.stop]
                futures[pool.submit(fill, block, items, source.read, target)] = block
            for future in as_completed(futures):
                yield futures.pop(future), future.result()
        except BrokenProcessPool as error:
            raise UserError(
                "A process that decodes images was killed, perhaps for lack of memory. What is "
                "done is kept: run again, with fewer processes."
            ) from error
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _begin_worker(writers: Path) -> None:
    """Ties a worker to its parent: it says that it may write, and dies when the parent does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends the pool
    fcntl.flock(os.open(writers, os.O_RDWR | os.O_CREAT), fcntl.LOCK_SH)  # until the process ends
    parent = multiprocessing.parent_process()
    assert parent is not None
    threading.Thread(target=_die_after, args=(parent.sentinel,), daemon=True).start()


def _die_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def fill(
    block: Block,
    items: Sequence[Any] | NDArray[np.uint8],
    read: Callable[[Any], NDArray[np.uint8]],
    target: Target,
) -> Report:
    """Reads one block and writes it to its place; bad images become zeros.

    Args:
        block: Which images.
        items: Their items.
        read: How to read an item.
        target: Where they go.

    Returns:
        Checksum and bad images.
    """
    images = np.zeros((len(block), *target.shape), np.uint8)
    bad = {}
    for place, item in enumerate(items):
        try:
            images[place] = read(item)
        except BadImage as error:
            bad[block.first + place] = (error.name, error.problem)
    with target.images.open("r+b") as file:
        file.seek(target.first_byte + block.first * images[0].nbytes)
        file.write(images.data)
    return Report(zlib.crc32(images.data), bad)
