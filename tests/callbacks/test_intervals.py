"""What callbacks are told of the end, and of a validation, is what then happens."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.demos.boring_classes import BoringModel

from gan_lightning.callbacks.intervals import crossed, ends, validates
from gan_lightning.data.loading import Elements
from tests.conftest import bare_trainer

VALIDATION = "validation"


class Watch(Callback):
    """Notes what it is told after each training step, and what follows."""

    def __init__(self, stop_at: int | None = None) -> None:
        self.told: list[tuple[int, bool, bool]] = []
        self.happened: list[int | str] = []
        self.stop_at = stop_at

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        trainer.should_stop = trainer.should_stop or trainer.global_step == self.stop_at
        self.told.append((trainer.global_step, validates(trainer), ends(trainer)))
        self.happened.append(trainer.global_step)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.happened.append(VALIDATION)


def watched(
    folder: Path, options: Mapping[str, Any], stop_at: int | None = None, batches: int = 7
) -> Watch:
    """Trains on so many batches, if nothing ends it before."""
    watch = Watch(stop_at)
    settings = {"max_steps": -1, "max_epochs": 1, "callbacks": [watch], **options}
    train, other = (Elements([torch.zeros(1, 32)] * n) for n in (batches, 1))
    bare_trainer(folder, **settings).fit(BoringModel(), train, other)
    return watch


def foretold(watch: Watch) -> list[int | str]:
    """What would happen if all that was told were true."""
    events: list[int | str] = []
    for step, due, _ in watch.told:
        events += [step, VALIDATION] if due else [step]
    return events


@pytest.mark.parametrize("every", [1, 2, 3, 7, 8, 0.5, 1.0])
def test_a_validation_is_told_where_one_follows_and_nowhere_else(
    tmp_path: Path, every: float
) -> None:
    watch = watched(tmp_path, {"val_check_interval": every} | _by_epoch(every))
    assert foretold(watch) == watch.happened
    assert (VALIDATION in watch.happened) == (every != 8)


def _by_epoch(every: float) -> dict[str, Any]:
    """A share of an epoch is one of a number of batches."""
    return {"check_val_every_n_epoch": 1} if isinstance(every, float) else {}


@pytest.mark.parametrize(
    "options", [{"limit_val_batches": 0}, {"overfit_batches": 0, "limit_val_batches": 0.0}], ids=str
)
def test_without_validations_none_is_told(tmp_path: Path, options: dict[str, Any]) -> None:
    watch = watched(tmp_path, {"val_check_interval": 1, **options})
    assert watch.happened == [1, 2, 3, 4, 5, 6, 7]
    assert foretold(watch) == watch.happened


def ended(watch: Watch) -> list[int]:
    return [step for step, _, last in watch.told if last]


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_the_last_step_alone_is_told_to_be_the_last(tmp_path: Path, steps: int) -> None:
    watch = watched(tmp_path, {"max_steps": steps, "limit_val_batches": 0})
    assert ended(watch) == [steps]
    assert watch.told[-1][0] == steps


def test_a_run_that_is_stopped_ends_there(tmp_path: Path) -> None:
    watch = watched(tmp_path, {"max_steps": 6, "limit_val_batches": 0}, stop_at=3)
    assert ended(watch) == [3]
    assert watch.told[-1][0] == 3


def test_a_run_without_a_number_of_steps_has_no_last_one(tmp_path: Path) -> None:
    assert ended(watched(tmp_path, {"limit_val_batches": 0})) == []


def test_an_interval_of_zero_is_never_over() -> None:
    assert [crossed(step, step + 1, 3) for step in range(6)] == [False, False, True] * 2
    assert crossed(0, 7, 3)  # at least one multiple
    assert not any(crossed(step, step + 1, 0) for step in range(6))
