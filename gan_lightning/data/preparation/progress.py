"""How far a long piece of work is, for people at a terminal and for logs."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

from tqdm import tqdm

SECONDS = 10.0
"""Time between two lines where no terminal is."""


@contextmanager
def progress(title: str, total: int, done: int) -> Iterator[Callable[[int], object]]:
    """Shows on stderr how far work is: a bar on a terminal, a line every ten seconds elsewhere.

    Args:
        title: What is worked on.
        total: Number of images.
        done: How many of them were done before.

    Yields:
        A function that is told how many more have been done.
    """
    if sys.stderr.isatty():
        with tqdm(total=total, initial=done, desc=title, unit=" images") as bar:
            yield bar.update
    else:
        yield Lines(title, total, done)


class Lines:
    """Writes a line now and then.

    Args:
        title: What is worked on.
        total: Number of images.
        done: How many of them were done before.
    """

    def __init__(self, title: str, total: int, done: int) -> None:
        self.title, self.total, self.done = title, total, done
        self.before, self.began = done, time.monotonic()
        self.next = self.began + SECONDS

    def __call__(self, more: int) -> None:
        """Counts ``more`` images as done."""
        self.done += more
        now = time.monotonic()
        if now >= self.next:
            self.next = now + SECONDS
            rate = (self.done - self.before) / max(now - self.began, 1e-9)
            left = timedelta(seconds=round((self.total - self.done) / rate))
            sys.stderr.write(
                f"{self.title}: {self.done:,} of {self.total:,} images, {rate:,.0f} per second, "
                f"{left} left\n"
            )
            sys.stderr.flush()
