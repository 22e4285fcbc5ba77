"""The one owner of the signals that stop a run, from its first moment to its last."""

from __future__ import annotations

import os
import signal
import sys
import threading
from types import FrameType
from typing import Any, Self

from gan_lightning.runs.slurm import asks_to_requeue, requeue

STOPPING = tuple(
    getattr(signal, name)
    for name in ("SIGTERM", "SIGINT", "SIGUSR1")  # Windows has no SIGUSR1
    if hasattr(signal, name)
)
"""The signals by which users, terminals and clusters ask a run to stop."""


class Signals:
    """Takes the signals that stop a run, and gives them back afterwards.

    Before and after training there is nothing to save: a signal ends the process there and then,
    with exit code 128 + signal. Between `hold` and `release` the first signal is only noted in
    ``received``, for the training loop to look at between iterations; a second one, of whatever
    kind, ends the process at once, as if nobody had taken it.
    """

    def __init__(self) -> None:
        self.received = 0
        self._held = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        """Takes the signals, where that is possible: in the main thread."""
        if not self._previous and threading.current_thread() is threading.main_thread():
            self._previous = {number: signal.signal(number, self._take) for number in STOPPING}
        return self

    def __exit__(self, *exception: object) -> None:
        """Gives the signals back to whoever had them."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        self._previous = {}
        self._held = False

    @property
    def taken(self) -> bool:
        """Whether they are this object's to give back."""
        return bool(self._previous)

    def hold(self) -> None:
        """From here on, a signal waits for the end of the iteration."""
        self._held = True

    def release(self) -> None:
        """From here on, a signal ends the process."""
        self._held = False

    def _take(self, number: int, frame: FrameType | None) -> None:
        first = not self.received
        self.received = number
        if not first:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif not self._held:
            again = f" {requeue()}." if asks_to_requeue(number) else ""
            name = signal.Signals(number).name
            sys.stderr.write(f"\nStopped by {name} outside of training; nothing was lost.{again}\n")
            raise SystemExit(128 + number)
