"""What is used of Lightning beyond its public interface does what it is used for."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from torch.utils.data import DataLoader

from gan_lightning.lightning_private import checkpoint_of, count_step, leave_signals_alone
from tests.conftest import bare_trainer, same

TAKEN = (signal.SIGTERM, signal.SIGINT)


class Counting(LightningModule):
    """Counts steps without making any, and notes what it sees."""

    def __init__(self, steps: int = 1) -> None:
        super().__init__()
        self.automatic_optimization = False
        self.layer = torch.nn.Linear(2, 1)
        self.steps = steps
        self.counted: list[int] = []
        self.handlers: list[list[Any]] = []

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=1.0)

    def training_step(self, batch: object, batch_idx: int) -> None:
        self.handlers.append([signal.getsignal(number) for number in TAKEN])
        optimizer: Any = self.optimizers()
        for _ in range(self.steps):
            count_step(optimizer)
        self.counted.append(self.trainer.global_step)


def trained(folder: Path, module: Counting, alone: bool = False) -> Trainer:
    """A trainer after four training steps, or fewer where they count more."""
    trainer = bare_trainer(folder, max_steps=4, limit_val_batches=0)
    if alone:
        leave_signals_alone(trainer)
    trainer.fit(module, DataLoader([0.0] * 10))  # type: ignore[arg-type]  # a list is a data set
    return trainer


def test_a_step_is_counted_and_not_made(tmp_path: Path) -> None:
    module = Counting()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    assert trained(tmp_path, module).global_step == 4
    assert module.counted == [1, 2, 3, 4]
    assert same(dict(module.state_dict()), before)


def test_several_counts_of_a_training_step_are_several_steps(tmp_path: Path) -> None:
    module = Counting(steps=2)
    assert trained(tmp_path, module).global_step == 4
    assert module.counted == [2, 4]


def test_signals_stay_with_whoever_has_them(tmp_path: Path) -> None:
    """Lightning itself takes SIGTERM while it trains."""
    before = [signal.getsignal(number) for number in TAKEN]
    left, taken = Counting(), Counting()
    trained(tmp_path, left, alone=True)
    trained(tmp_path, taken)
    assert left.handlers == [before] * 4
    assert taken.handlers[0] != before
    assert [signal.getsignal(number) for number in TAKEN] == before


def test_a_trainer_left_alone_has_received_nothing(tmp_path: Path) -> None:
    trainer = trained(tmp_path, Counting(), alone=True)
    assert not trainer.received_sigterm


def test_a_checkpoint_is_what_the_trainer_itself_would_write(tmp_path: Path) -> None:
    trainer = trained(tmp_path, Counting())
    trainer.save_checkpoint(tmp_path / "theirs.ckpt")
    theirs = torch.load(tmp_path / "theirs.ckpt", weights_only=True)
    ours = checkpoint_of(trainer)
    assert ours["global_step"] == 4
    assert ours["optimizer_states"]
    assert same(ours, theirs)
