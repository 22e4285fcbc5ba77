"""What training tells of itself: losses, when it validates, and that it diverged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers.logger import Logger
from torch import Tensor

from gan_lightning import GAN
from gan_lightning.errors import TrainingDiverged, UserError
from tests.gans import Few, joined, small, still, trained


class Noting(Logger):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.rows: list[tuple[int | None, dict[str, float]]] = []
        self.arguments: list[object] = []

    @property
    def name(self) -> str:
        """Says nothing."""
        return "noting"

    @property
    def version(self) -> int:
        """Says nothing."""
        return 0

    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        """Keeps a row."""
        self.rows.append((step, metrics))

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  (Lightning's)
        """Keeps arguments."""
        self.arguments.append(params)


def literal(model: GAN, t: int, images: Tensor) -> dict[str, float]:
    """The hinge losses of iteration t, as SNGAN writes them."""
    (z,) = model.drawing.draws(t, images, None).latents
    with torch.no_grad():
        real, fake = model.discriminator(images), model.discriminator(model.generator(z))
    return {
        "discriminator_loss": float(F.relu(1 - real).mean() + F.relu(1 + fake).mean()),
        "generator_loss": float(-fake.mean()),
    }


@pytest.mark.parametrize("iterations", [1, 2])
def test_losses_are_logged_at_the_multiples_of_the_interval_under_their_iteration(
    tmp_path: Path, iterations: int
) -> None:
    """However many iterations a training step makes; and stand beside the progress bar."""
    loggers = [Noting(), Noting()]
    data = Few(7)
    images = [batch.images for batch in data.batches]
    model = still(iterations_per_batch=iterations)
    options: dict[str, Any] = {"log_every_n_steps": 3, "logger": loggers}
    trained(model, tmp_path, 7, joined(data, iterations), **options)
    wanted = {t: literal(model, t - 1, images[t - 1]) for t in (3, 6)}
    assert wanted[3] != wanted[6]
    for logger in loggers:
        assert [step for step, _ in logger.rows] == [3, 6]
        for step, row in logger.rows:
            assert row == pytest.approx(wanted[step or 0], rel=1e-5, abs=1e-6)
    last = {name: float(value) for name, value in model.trainer.callback_metrics.items()}
    assert last == pytest.approx(wanted[6], rel=1e-5, abs=1e-6)
    assert model.trainer.progress_bar_metrics.keys() == wanted[6].keys()


def test_an_interval_of_zero_logs_nothing(tmp_path: Path) -> None:
    logger = Noting()
    trained(small(), tmp_path, 3, log_every_n_steps=0, logger=logger)
    assert logger.rows == []


def test_arguments_are_left_to_the_command_line_to_log(tmp_path: Path) -> None:
    logger = Noting()
    trained(small(), tmp_path, 1, logger=logger)
    assert logger.arguments == []


class Validations(Callback):
    """Notes when there was one."""

    def __init__(self) -> None:
        self.steps: list[int] = []

    def on_validation_start(self, trainer: Trainer, *args: Any) -> None:
        """Notes."""
        self.steps.append(trainer.global_step)


def test_validations_are_so_many_iterations_apart(tmp_path: Path) -> None:
    noted = Validations()
    options = {"val_check_interval": 4, "limit_val_batches": 1, "callbacks": [noted]}
    trained(small(iterations_per_batch=2), tmp_path, 10, joined(Few(10), 2), **options)
    assert noted.steps == [4, 8]
    with pytest.raises(UserError, match=r"^iterations_per_batch 3 does not divide"):
        trained(small(iterations_per_batch=3), tmp_path, 10, joined(Few(10), 3), **options)


@pytest.mark.parametrize(("interval", "end"), [(1, 2), (0, 3)])
def test_what_diverges_is_found_when_it_is_logged_or_at_the_end(
    tmp_path: Path, interval: int, end: int
) -> None:
    """And its iteration is told in either case."""
    model = small()

    def poison() -> None:
        if model.global_step == 1:
            with torch.no_grad():
                next(model.discriminator.parameters()).fill_(torch.nan)

    model.after_each_iteration.append(poison)
    with pytest.raises(TrainingDiverged, match=r"iteration 2, discriminator_loss=nan"):
        trained(model, tmp_path, 3, log_every_n_steps=interval)
    assert model.global_step == end


def test_weights_that_the_last_iteration_broke_are_found(tmp_path: Path) -> None:
    """Where every loss was finite."""
    model = small()

    def poison() -> None:
        with torch.no_grad():
            next(model.generator.parameters()).fill_(torch.inf)

    model.after_each_iteration.append(poison)
    with pytest.raises(TrainingDiverged, match=r"weights \(generator\..*\) after iteration 1 are"):
        trained(model, tmp_path, 1)
