"""What stands against a captured iteration, and what optimizers keep for it on the device."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn

from gan_lightning.graph import hold_on_device, let_go_of_device, obstacle
from gan_lightning.optim import GANAdam, LinearDecay
from tests.conftest import bare_trainer


def trainer(device: str = "cuda", processes: int = 1, scaler: object = None) -> Trainer:
    """What is asked of a trainer; on a device that need not be there."""
    strategy = SimpleNamespace(root_device=torch.device(device))
    plugin = SimpleNamespace(scaler=scaler)
    made = SimpleNamespace(strategy=strategy, world_size=processes, precision_plugin=plugin)
    return cast("Trainer", made)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"device": "cpu"}, "there is no CUDA device"),
        ({"processes": 2}, "gradients are averaged over several processes"),
        ({"scaler": "one"}, "the gradient scaler of 16-mixed reads the device"),
    ],
    ids=str,
)
def test_each_obstacle_has_its_reason(options: dict[str, Any], reason: str) -> None:
    found = obstacle(trainer(**options))
    assert found is not None
    assert found.startswith(reason)


def test_one_process_with_a_gpu_captures_in_precisions_without_a_scaler() -> None:
    assert obstacle(trainer()) is None
    without: Any = trainer()
    del without.precision_plugin.scaler
    assert obstacle(without) is None


def test_a_trainer_on_the_cpu_captures_nothing(tmp_path: Path) -> None:
    assert obstacle(bare_trainer(tmp_path)) == "there is no CUDA device"


def test_every_group_of_every_optimizer_is_held_and_let_go() -> None:
    layers = [nn.Linear(2, 1) for _ in range(3)]
    groups: list[dict[str, Any]] = [{"params": [*p.parameters()]} for p in layers[:2]]
    groups[1]["lr"] = 0.25
    optimizers = [torch.optim.Adam(groups, lr=0.5), torch.optim.Adam(layers[2].parameters(), 0.75)]
    hold_on_device(optimizers)
    held = [group for optimizer in optimizers for group in optimizer.param_groups]
    assert [float(group["lr"]) for group in held] == [0.5, 0.25, 0.75]
    assert all(isinstance(group["lr"], torch.Tensor) for group in held)
    assert all(group["capturable"] for group in held)
    let_go_of_device(optimizers)
    assert [group["lr"] for group in held] == [0.5, 0.25, 0.75]
    assert all(type(group["lr"]) is float for group in held)
    assert not any(group["capturable"] for group in held)


def test_what_is_held_already_stays_the_same_tensor() -> None:
    """A schedule may hold on to it."""
    made = GANAdam(nn.Linear(2, 1).parameters())
    hold_on_device([made])
    rate = made.param_groups[0]["lr"]
    hold_on_device([made])
    assert made.param_groups[0]["lr"] is rate


def test_an_optimizer_that_knows_of_no_capture_is_left_alone() -> None:
    made = torch.optim.SGD(nn.Linear(2, 1).parameters(), lr=0.5)
    for change in (hold_on_device, let_go_of_device):
        change([made])
        assert type(made.param_groups[0]["lr"]) is float
        assert made.param_groups[0]["lr"] == 0.5
        assert "capturable" not in made.param_groups[0]


def test_a_captured_step_would_read_the_scheduled_rate() -> None:
    """The rate is one tensor that schedules change in place, and the update uses what it holds."""
    results = []
    for captured in (False, True):
        torch.manual_seed(0)
        layer = nn.Linear(2, 1)
        made = GANAdam(layer.parameters(), lr=0.5)
        schedule = LinearDecay(made, end=4)
        if captured:
            hold_on_device([made])
            assert made.param_groups[0]["capturable"]
            held = made.param_groups[0]["lr"]
            made.param_groups[0]["capturable"] = False  # which the CPU does not know
        for _ in range(3):
            layer(torch.ones(1, 2)).sum().backward()
            made.step()
            schedule.step()
        if captured:
            assert made.param_groups[0]["lr"] is held
            assert held.item() == pytest.approx(0.125)
        results.append(layer.weight.detach().clone())
        let_go_of_device([made])
        assert made.param_groups[0]["lr"] == pytest.approx(0.125)
        assert isinstance(made.param_groups[0]["lr"], float)
        assert not made.param_groups[0]["capturable"]
    torch.testing.assert_close(*results)
