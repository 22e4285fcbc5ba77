"""The optimizer, and schedules that count generator updates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gan_lightning.errors import UserError
from gan_lightning.optim import GANAdam, LinearDecay
from tests.conftest import Gan, last, same


def optimizer(lr: float = 0.5) -> GANAdam:
    return GANAdam(nn.Linear(2, 1).parameters(), lr=lr)


def rates(made: torch.optim.Optimizer, schedule: LinearDecay, steps: int) -> list[float]:
    seen = []
    for _ in range(steps):
        seen.append(float(made.param_groups[0]["lr"]))
        made.step()
        schedule.step()
    return seen


def test_defaults_are_those_of_bssn_table_1() -> None:
    (group,) = optimizer(1e-4).param_groups
    assert (group["lr"], group["betas"], group["eps"]) == (1e-4, (0.5, 0.999), 1e-8)
    assert GANAdam(nn.Linear(1, 1).parameters()).param_groups[0]["lr"] == 1e-4


def test_its_options_reach_one_fused_kernel() -> None:
    made = GANAdam(nn.Linear(1, 1).parameters(), lr=0.25, betas=(0.1, 0.2), eps=0.5)
    (group,) = made.param_groups
    assert (group["lr"], group["betas"], group["eps"]) == (0.25, (0.1, 0.2), 0.5)
    assert group["fused"] is True


@pytest.mark.parametrize("lr", [float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(lr: float) -> None:
    with pytest.raises(UserError, match=f"lr must be a finite number, got {lr}"):
        optimizer(lr)


def test_linear_decay_keeps_then_falls_to_zero() -> None:
    made = optimizer()
    got = rates(made, LinearDecay(made, end=6, start=2), 8)
    assert got == pytest.approx([0.5, 0.5, 0.5, 0.375, 0.25, 0.125, 0, 0])


@pytest.mark.parametrize(("start", "end"), [(0, 0), (5, 5), (6, 5), (-1, 5)])
def test_a_decay_that_does_not_fall_is_refused(start: int, end: int) -> None:
    with pytest.raises(UserError, match="0 <= start < end"):
        LinearDecay(optimizer(), end=end, start=start)


DECAY = [
    "--model.generator_schedule=LinearDecay",
    "--model.generator_schedule.end=6",
    "--model.discriminator_schedule=torch.optim.lr_scheduler.StepLR",
    "--model.discriminator_schedule.step_size=2",
]


def schedules(run: Path) -> list[Any]:
    states: Any = last(run)["lr_schedulers"]
    return [state["_last_lr"][0] for state in states]


@pytest.mark.parametrize("n_dis", ["1", "3"])
def test_schedules_count_generator_updates_and_resume(gan: Gan, tmp_path: Path, n_dis: str) -> None:
    options = [*DECAY, "--model.n_dis", n_dis, "--trainer.limit_val_batches", "0"]
    gan(*options, "--trainer.max_steps", "5", folder="whole")
    assert schedules(tmp_path / "whole") == pytest.approx([1e-4 / 6, 1e-4 * 0.1**2])
    gan(*options, "--trainer.max_steps", "2", folder="parts")
    assert schedules(tmp_path / "parts") == pytest.approx([1e-4 * 4 / 6, 1e-5])
    gan(*options, "--trainer.max_steps", "5", "--ckpt_path", "last", folder="parts")
    whole, parts = last(tmp_path / "whole"), last(tmp_path / "parts")
    for key in ("state_dict", "optimizer_states", "lr_schedulers"):
        assert same(whole[key], parts[key]), key
    gan(*options, "--model.iterations_per_batch=2", "--trainer.max_steps=5", folder="two")
    assert same(last(tmp_path / "two")["state_dict"], whole["state_dict"])
