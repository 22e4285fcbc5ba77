"""Diagnostics of the discriminator during training, which training does not notice."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn

from gan_lightning.analysis import Diagnostic, Layer, layers_of, untouched
from gan_lightning.analysis.spectra import tsuzuku_alpha
from gan_lightning.callbacks.looking import PURPOSE, numbers, view_of
from gan_lightning.callbacks.trainer_state import image_data, is_trial
from gan_lightning.errors import UserError
from gan_lightning.files import told, write_whole
from gan_lightning.gan import GAN
from gan_lightning.run_folder import LAYERS, SPECTRA
from gan_lightning.runs.step_log import StepLog


class Diagnostics(Callback):
    """Looks at the discriminator at regular iterations: gradients, variances, singular values.

    What is seen goes to ``metrics.csv`` and every other logger, in columns ``<diagnostic>/<layer>``
    and ``<diagnostic>/total``; spectra go to ``spectra.jsonl``, and what the theorems say of each
    layer to ``layers.json``. Each look has images and latents of its own, in full precision:
    weights, losses and random numbers of the training are the same to the last bit.

    Args:
        of: What to look at: ``gradient_norm``, ``variance``, ``spectral_norm_out``,
            ``spectral_norm_in``, ``spectral_norm_conv``, ``norm_ratio``, ``spectra``,
            ``input_gradient_norm``, ``output``, ``loss_slope``, ``diversity``.
        every_n_steps: Generator updates between two looks, the first before any update.
    """

    def __init__(self, of: Sequence[Diagnostic] = (), every_n_steps: int = 100) -> None:
        if every_n_steps < 1:
            raise UserError(f"must be >= 1, got {every_n_steps}", "every_n_steps")
        self.of = tuple(of)
        self.every_n_steps = every_n_steps
        self._trainer: Trainer | None = None
        self._gan: GAN | None = None

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Finds out whether there are images to look at, before anything is trained."""
        if self.of and stage == "fit":
            image_data(trainer, PURPOSE)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Is called after each iteration from here on, also of those within one training step."""
        if self.of:
            assert isinstance(pl_module, GAN)
            self._trainer, self._gan = trainer, pl_module
            pl_module.after_each_iteration.append(self._look_if_due)

    def on_train_batch_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        """The first look, before any update."""
        if self.of and trainer.global_step == 0:
            self._write_layers(trainer)
            self._look_if_due()

    def teardown(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        """Looks no more."""
        assert isinstance(pl_module, GAN)
        if self._look_if_due in pl_module.after_each_iteration:
            pl_module.after_each_iteration.remove(self._look_if_due)
        self._trainer = self._gan = None

    def _look_if_due(self) -> None:
        assert self._trainer is not None
        assert self._gan is not None
        step = self._trainer.global_step
        if step % self.every_n_steps == 0:
            self._look(self._trainer, self._gan, step)

    def _look(self, trainer: Trainer, gan: GAN, step: int) -> None:
        """Asks all that is asked, and logs the answers."""
        parts = (gan.generator, gan.discriminator, gan.objective)
        with untouched(*(part for part in parts if isinstance(part, nn.Module))):
            view = view_of(gan, trainer, step)
            answers = [(asked, asked(view)) for asked in self.of]
        scalars: dict[str, Tensor] = {}
        for asked, answer in answers:
            vectors = {part: value for part, value in answer.items() if value.ndim}
            name = type(asked).__name__
            scalars |= {f"{name}/{part}": v for part, v in answer.items() if not v.ndim}
            if vectors and trainer.is_global_zero and not is_trial(trainer):
                _write_vectors(trainer, step, asked.vectors, vectors)
        if scalars:
            row = numbers(scalars, gan.device)
            for logger in trainer.loggers:
                logger.log_metrics(row, step=step)

    def _write_layers(self, trainer: Trainer) -> None:
        assert self._gan is not None
        if trainer.is_global_zero and not is_trial(trainer):
            path = Path(trainer.default_root_dir, LAYERS)
            with told(path):
                write_whole(path, layer_facts(self._gan.discriminator))


def layer_facts(network: nn.Module) -> str:
    """What the theorems say of each layer of a network, as JSON: null where they say nothing."""
    facts = {layer.name: _facts(layer) for layer in layers_of(network)}
    return json.dumps(facts, indent=1) + "\n"


def _facts(layer: Layer) -> dict[str, Any]:
    bounds = {
        "theorem_2": layer.theorem_2(),
        "theorem_3": layer.theorem_3(),
        "alpha": tsuzuku_alpha(layer),
    }
    return {
        "shape": list(layer.used.shape),
        "scale": layer.scale,
        **{name: bound if bound == bound else None for name, bound in bounds.items()},
    }


def _write_vectors(trainer: Trainer, step: int, name: str, vectors: Mapping[str, Tensor]) -> None:
    """A line per layer."""
    lines = [{"layer": part, name: value.tolist()} for part, value in vectors.items()]
    StepLog(trainer.default_root_dir, SPECTRA).add(step, *lines)
