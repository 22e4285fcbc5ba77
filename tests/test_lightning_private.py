"""What is used of Lightning beyond its public interface does what it is used for."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.demos.boring_classes import BoringModel
from torch.utils.data import DataLoader

from gan_lightning.lightning_private import (
    Command,
    count_step,
    dumped_checkpoint,
    leave_signals_alone,
    step_index,
    steps_ready,
    validate_every,
    validation_interval,
)
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
    ours = dumped_checkpoint(trainer)
    assert ours["global_step"] == 4
    assert ours["optimizer_states"]
    assert same(ours, theirs)


class Validated(Counting):
    """Asks for a validation after its third training step, and notes when there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []
        self.intervals: list[object] = []
        self.validated_at: list[int] = []

    def training_step(self, batch: object, batch_idx: int) -> None:
        super().training_step(batch, batch_idx)
        self.intervals.append(validation_interval(self.trainer))
        self.seen.append((step_index(self.trainer), steps_ready(self.trainer)))
        validate_every(self.trainer, 3 if batch_idx == 2 else 1000)

    def validation_step(self, batch: object, batch_idx: int) -> None:
        self.validated_at.append(self.trainer.global_step)


def test_a_trainer_validates_when_it_is_told_and_counts_its_steps(tmp_path: Path) -> None:
    module = Validated()
    data: DataLoader[Any] = DataLoader([0.0] * 10)  # type: ignore[arg-type]  # a list is a data set
    trainer = bare_trainer(
        tmp_path,
        max_steps=4,
        val_check_interval=2,
        check_val_every_n_epoch=None,
        limit_val_batches=1,
        num_sanity_val_steps=0,
    )
    trainer.fit(module, data, data)
    assert module.validated_at == [3]
    assert module.intervals == [2, 1000, 1000, 3]
    assert module.seen == [(0, 1), (1, 2), (2, 3), (3, 4)]


class Told(Command):
    """Notes its steps, and trains nothing."""

    def __init__(self, *args: Any) -> None:
        self.steps: list[str] = []
        super().__init__(BoringModel, args=[*args])

    def set_seed(self) -> None:
        self.steps.append("seed")

    def find_checkpoint(self) -> None:
        self.steps.append("checkpoint")

    def run_subcommand(self, subcommand: str) -> None:
        self.steps.append("run")
        super().run_subcommand(subcommand)

    def fit(self, **arguments: Any) -> None:
        self.steps.append("fit")
        self.arguments = arguments

    def arguments_of(self, subcommand: str) -> dict[str, Any]:
        return {**super().arguments_of(subcommand), "ckpt_path": "mine"}


QUIET = "--trainer.logger=false", "--trainer.enable_checkpointing=false"


def test_a_command_changes_its_steps_by_their_public_names() -> None:
    told = Told("fit", *QUIET, "--trainer.accelerator=cpu", "--trainer.max_steps=7")
    assert told.steps == ["checkpoint", "seed", "run", "fit"]
    assert told.value_of(told.config, "trainer").max_steps == 7
    assert told.arguments["model"] is told.model
    assert told.arguments["ckpt_path"] == "mine"
