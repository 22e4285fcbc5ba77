"""Whatever a checkpoint would hold is finite, or nothing is saved and nothing is called done."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gan_lightning.divergence import LossWatch
from gan_lightning.errors import TrainingDiverged
from gan_lightning.gan import GAN, TrainingBatch
from tests.conftest import Gan, last

NAN, INF = float("nan"), float("inf")


def poison(module: GAN, network: str, what: str, value: float) -> None:
    """Spoils one number of a network, its buffers or its optimizer, in place."""
    part = getattr(module, network)
    optimizer = module.trainer.optimizers[network == "discriminator"]
    tensor = {
        "weights": lambda: next(part.parameters()),
        "buffers": lambda: next(b for b in part.buffers() if b.is_floating_point()),
        "moments": lambda: next(iter(optimizer.state.values()))["exp_avg_sq"],
    }[what]()
    with torch.no_grad():
        tensor.view(-1)[0] = value


@pytest.mark.parametrize(
    ("network", "what", "value", "saves"),
    [
        ("generator", "weights", NAN, "0"),
        ("generator", "buffers", INF, "2"),
        ("generator", "moments", INF, "2"),
        ("discriminator", "weights", INF, "2"),
        ("discriminator", "buffers", NAN, "2"),
        ("discriminator", "moments", INF, "0"),
    ],
)
def test_divergence_is_noticed_before_saving_and_never_done(
    gan: Gan,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    network: str,
    what: str,
    value: float,
    saves: str,
) -> None:
    train = GAN.training_step

    def poisoned(self: GAN, batch: TrainingBatch, batch_idx: int) -> None:
        train(self, batch, batch_idx)
        if self.global_step == (4 if saves == "2" else 6):
            poison(self, network, what, value)

    monkeypatch.setattr(GAN, "training_step", poisoned)
    with pytest.raises(TrainingDiverged, match=rf"{what} \(.*\) after iteration . are NaN or inf"):
        gan("--checkpoints.every_n_steps", saves, "--trainer.limit_val_batches", "0")
    assert "Done" not in capsys.readouterr().out
    path = tmp_path / "run" / "checkpoints" / "last.ckpt"
    assert path.exists() == (saves == "2")
    if saves == "2":
        assert last(tmp_path / "run")["global_step"] == 2


def test_what_is_finite_passes(gan: Gan) -> None:
    """The largest numbers included."""
    module = gan("--trainer.limit_val_batches", "0").model
    module.require_finite()
    poison(module, "generator", "weights", torch.finfo(torch.float32).max)
    module.require_finite()


class Strategy:
    """Of this process and of others, which have seen something bad or not."""

    def __init__(self, elsewhere: bool = False) -> None:
        self.elsewhere = elsewhere

    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        assert not all
        return decision or self.elsewhere


def watched(losses: list[tuple[float, float]]) -> LossWatch:
    """A watch that has noted the losses of some iterations."""
    watch = LossWatch()
    for pair in losses:
        watch.add(torch.tensor(pair))
    return watch


def at(step: int, elsewhere: bool = False) -> Any:  # noqa: ANN401 (what is needed of a trainer)
    """A trainer after so many iterations."""
    return SimpleNamespace(global_step=step, strategy=Strategy(elsewhere), checkpoint_callbacks=[])


@pytest.mark.parametrize("value", [NAN, INF, -INF])
@pytest.mark.parametrize("network", ["discriminator", "generator"])
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_loss_of_one_network_in_one_iteration_is_enough(
    value: float, network: str, place: int
) -> None:
    """It is named with its iteration; what had been seen is not seen twice."""
    losses = [(0.5, -2.0)] * 3
    bad = (value, -2.0) if network == "discriminator" else (0.5, value)
    losses[place] = bad
    watch = watched(losses)
    said = f"iteration {5 + place}, discriminator_loss={bad[0]}, generator_loss={bad[1]}\\. "
    with pytest.raises(TrainingDiverged, match=said):
        watch.check(at(7))
    watch.check(at(7))


def test_the_first_of_several_bad_iterations_is_named() -> None:
    losses = [(1.0, 1.0), (1.0, NAN), (INF, 1.0), (NAN, NAN)]
    with pytest.raises(TrainingDiverged, match=r"iteration 2, .*loss=1\.0, generator_loss=nan"):
        watched(losses).check(at(4))


def test_finite_losses_pass_and_are_forgotten() -> None:
    """The largest numbers included; and then those that come later are counted from there."""
    most = torch.finfo(torch.float32).max
    watch = watched([(most, -most), (-most, most), (0.0, 1e-45)])
    watch.check(at(3))
    watch.check(at(3))
    watch.add(torch.tensor([0.0, NAN]))
    with pytest.raises(TrainingDiverged, match=r"iteration 4, "):
        watch.check(at(4))


def test_what_another_process_sees_ends_this_one_too() -> None:
    watch = watched([(0.5, -2.0)])
    with pytest.raises(TrainingDiverged, match="the training diverged: in another process"):
        watch.check(at(1, elsewhere=True))
