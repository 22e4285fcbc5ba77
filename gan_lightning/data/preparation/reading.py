"""Reading the images of a source in order, here or in several processes.

The processes are those of torch's DataLoader, which reads a bounded number of blocks ahead of the
writer, in order, and notices a process that was killed. `multiprocessing.Pool.imap` would wait for
that one forever; `ProcessPoolExecutor.map` of Python 3.11 takes up all blocks at once, so that a
slow disk fills the memory with images.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from gan_lightning.data.preparation.source import Source
from gan_lightning.errors import UserError
from gan_lightning.image_files import BadImage

T = TypeVar("T")

FEW_BLOCKS = 8
"""So many blocks are read before another process would have started."""

Bad = dict[int, tuple[str, str]]
"""The number of each bad image, its name, and what is wrong with it."""


@dataclass(frozen=True)
class ReadBlock:
    """What was read of some images.

    Attributes:
        items: Their numbers.
        images: Those that can be used, uint8 ``(N, H, W, C)``.
        bad: Those that cannot.
    """

    items: range
    images: NDArray[np.uint8]
    bad: Bad


class ReadBlocks(Dataset[ReadBlock]):
    """The blocks of a source; an image of another shape than it should have is a bad one.

    Args:
        source: The images.
        shape: ``(H, W, C)`` of each.
    """

    def __init__(self, source: Source, shape: Sequence[int]) -> None:
        self.source = source
        self.shape = tuple(shape)

    def __getitem__(self, items: range) -> ReadBlock:
        """Reads the images of these numbers."""
        images = np.empty((len(items), *self.shape), np.uint8)
        bad: Bad = {}
        for number in items:
            try:
                images[number - items.start - len(bad)] = self._read(number)
            except BadImage as error:
                bad[number] = (error.name, error.problem)
        return ReadBlock(items, images[: len(items) - len(bad)], bad)

    def _read(self, number: int) -> NDArray[np.uint8]:
        item = self.source.items[number]
        name = str(item) if isinstance(item, str | Path) else f"image {number}"
        try:
            image = self.source.read(item)
        except OSError as error:
            raise BadImage(name, f"cannot be read ({error.strerror or error})") from error
        found = f"{getattr(image, 'dtype', type(image).__name__)} {np.shape(image)}"
        wanted = f"uint8 {self.shape}"
        if found != wanted:
            raise BadImage(name, f"was read as {found}, where {wanted} is wanted")
        return image


def read_in_order(
    blocks: ReadBlocks, ranges: Sequence[range], processes: int
) -> Generator[ReadBlock]:
    """Reads blocks, several at once where that pays, and yields them in order.

    Args:
        blocks: What to read.
        ranges: The numbers of the images of each block.
        processes: Number of processes; 1 reads here.
    """
    workers = 0 if processes == 1 or len(ranges) <= FEW_BLOCKS else processes
    with warnings.catch_warnings():  # of more workers than cores: the user has said how many
        warnings.filterwarnings("ignore", "This DataLoader will create")
        reading: Iterator[ReadBlock] = iter(
            DataLoader(
                blocks,
                sampler=ranges,
                batch_size=None,
                num_workers=workers,
                collate_fn=_unchanged,  # a block stays numpy, which needs no shared memory
                worker_init_fn=_begin_worker,
                generator=torch.Generator(),  # leaves torch's own random numbers alone
            )
        )
    yield from reading


@contextmanager
def killed_workers_explained() -> Iterator[None]:
    """Says in one sentence that a process was killed; torch raises that wherever this one is.

    Raises:
        UserError: When one was.
    """
    try:
        yield
    except RuntimeError as error:
        if not str(error).startswith("DataLoader worker"):
            raise
        raise UserError(
            "A process that decodes images was killed, perhaps for lack of memory. What is done "
            "is kept: run again, with fewer processes."
        ) from error


def _unchanged(value: T) -> T:
    return value


def _begin_worker(worker: int) -> None:
    """Ties a worker to its parent, which alone answers Ctrl-C; when it dies, so does the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent: Any = multiprocessing.parent_process()
    threading.Thread(target=_die_after, args=(parent.sentinel,), daemon=True).start()


def _die_after(sentinel: int) -> None:
    wait([sentinel])
    os._exit(1)


def available_cores() -> int:
    """Returns how many processor cores this process may use."""
    if hasattr(os, "process_cpu_count"):  # Python 3.13
        return os.process_cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
