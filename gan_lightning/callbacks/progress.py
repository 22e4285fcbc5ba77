"""How far a run is: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from tqdm import tqdm

SHORT = {"discriminator_loss": "loss_d", "generator_loss": "loss_g"}
"""Names in the bar, which has 80 columns; everywhere else they are written out."""

BAR = "{desc} {n_fmt}/{total_fmt} |{bar}| {elapsed}<{remaining}{postfix}"


class Progress(ProgressBar):
    """Shows iterations, not Lightning's batches and epochs, and both losses.

    Args:
        refresh: Seconds between two looks of the bar on a terminal.
        line_every: Seconds between two lines where the output is no terminal.
    """

    def __init__(self, refresh: float = 0.1, line_every: float = 10.0) -> None:
        super().__init__()
        self.refresh = refresh
        self.line_every = line_every
        self._enabled = True
        self._bar: tqdm[Any] | None = None
        self._shown = (0.0, 0)

    def enable(self) -> None:
        """Shows it."""
        self._enabled = True

    def disable(self) -> None:
        """Shows nothing, as on all ranks but the first."""
        self._enabled = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begins where the run does."""
        step = trainer.global_step
        self._shown = time.monotonic(), step
        if self._enabled and sys.stdout.isatty():
            self._bar = tqdm(
                desc="iteration",
                total=trainer.max_steps,
                initial=step,
                bar_format=BAR,
                dynamic_ncols=True,
                file=sys.stdout,
            )

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """Shows the iteration, if it is time for that."""
        wait = self.line_every if self._bar is None else self.refresh
        if self._enabled and time.monotonic() - self._shown[0] >= wait:
            self._show(trainer)

    def _show(self, trainer: Trainer) -> None:
        (then, before), now, step = self._shown, time.monotonic(), trainer.global_step
        self._shown = now, step
        losses = _losses(trainer)
        if self._bar is not None:
            self._bar.set_postfix_str(losses, refresh=False)
            self._bar.update(step - self._bar.n)
            return
        rate = (step - before) / max(now - then, 1e-9)
        said = f"iteration {step}/{trainer.max_steps}, {rate:.3g}/s, {losses}".rstrip(", ")
        print(said, flush=True)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Ends at the last iteration."""
        if self._enabled:
            self._show(trainer)
        self._close()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Leaves the terminal in order, whatever ended the run."""
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def _losses(trainer: Trainer) -> str:
    """The losses that were last logged, briefly."""
    logged = trainer.progress_bar_metrics
    known = ((short, logged.get(name)) for name, short in SHORT.items())
    return ", ".join(f"{short} {value:.3f}" for short, value in known if value is not None)
