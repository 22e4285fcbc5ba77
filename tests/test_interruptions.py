"""Runs that stop, diverge or go on: what is kept, what is refused, what is repeated."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gan_lightning import GAN, cli
from gan_lightning.errors import TrainingDiverged, UserError
from gan_lightning.gan import TrainingBatch
from tests.conftest import Gan, last, rows, same


def test_divergence_names_iteration_and_checkpoint_and_overwrites_nothing(
    gan: Gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = GAN.training_step

    def poisoned(self: GAN, batch: TrainingBatch, batch_idx: int) -> None:
        if self.global_step == 4:
            with torch.no_grad():
                next(self.generator.parameters()).fill_(float("nan"))
        step(self, batch, batch_idx)

    monkeypatch.setattr(GAN, "training_step", poisoned)
    with pytest.raises(TrainingDiverged) as error:
        gan("--trainer.log_every_n_steps", "6")
    message = str(error.value)
    assert "iteration 5, discriminator_loss=nan" in message
    assert "last.ckpt" in message
    checkpoint = last(tmp_path / "run")
    assert checkpoint["global_step"] == 3
    state = checkpoint["state_dict"]
    assert isinstance(state, dict)
    assert all(value.isfinite().all() for value in state.values())


@pytest.mark.parametrize("step", [4, 6], ids=["validation", "end"])
def test_weights_that_diverge_after_a_finite_loss_are_not_saved(
    gan: Gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """Neither as last.ckpt nor, by the validation at step 4, as best.ckpt."""
    train = GAN.training_step

    def poisoned(self: GAN, batch: TrainingBatch, batch_idx: int) -> None:
        train(self, batch, batch_idx)
        if self.global_step == step:
            with torch.no_grad():
                next(self.discriminator.parameters()).fill_(float("nan"))

    monkeypatch.setattr(GAN, "training_step", poisoned)
    with pytest.raises(TrainingDiverged, match=rf"weights \(.*\) after iteration {step} are NaN"):
        gan("--checkpoints.every_n_steps", "2")
    assert last(tmp_path / "run")["global_step"] == {4: 2, 6: 4}[step]
    assert (tmp_path / "run" / "checkpoints" / "best.ckpt").exists() == (step == 6)


def test_a_run_killed_at_a_validation_repeats_it(
    gan: Gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gan(folder="whole")
    with monkeypatch.context() as patch:
        patch.setattr(GAN, "validation_step", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            gan("--checkpoints.every_n_steps", "2", folder="killed")
    assert last(tmp_path / "killed")["global_step"] == 2  # not 4, whose validation failed
    cli.run(["fit", "--run", str(tmp_path / "killed"), "--ckpt_path", "last"])
    assert rows(tmp_path / "whole") == rows(tmp_path / "killed")


def test_a_config_of_a_resumed_run_starts_a_new_run(gan: Gan, tmp_path: Path) -> None:
    gan("--trainer.max_steps", "3")
    run = str(tmp_path / "run")
    cli.run(["fit", "--run", run, "--ckpt_path", "last", "--trainer.max_steps", "6"])
    other = str(tmp_path / "other")
    fresh = cli.run(["fit", "--config", f"{run}/config.yaml", "--run", other])
    assert fresh.config.fit.ckpt_path is None
    assert [row["step"] for row in rows(Path(other))] == ["2", "4", "6"]


def test_a_checkpoint_of_another_architecture_is_refused(gan: Gan, tmp_path: Path) -> None:
    gan()
    path = str(tmp_path / "run" / "checkpoints" / "last.ckpt")
    with pytest.raises(UserError, match=r"another architecture: .*\(2,\) there and \(4,\) here"):
        gan("--ckpt_path", path, "--model.discriminator.width", "4", folder="other")


def test_a_folder_that_holds_a_run_is_not_overwritten(gan: Gan) -> None:
    gan()
    with pytest.raises(UserError, match="holds a run already"):
        gan()


@pytest.mark.parametrize("options", [[], ["--model.n_dis", "3"]], ids=["n_dis 1", "n_dis 3"])
def test_training_longer_is_as_if_never_stopped(
    gan: Gan, tmp_path: Path, options: list[str]
) -> None:
    """A finished run goes on from its own config, in a folder with another seed's random state."""
    gan(*options, folder="whole")
    gan(*options, "--trainer.max_steps", "3", folder="parts")
    torch.manual_seed(99)
    parts = str(tmp_path / "parts")
    cli.run(["fit", "--run", parts, "--ckpt_path", "last", "--trainer.max_steps", "6"])
    whole, together = last(tmp_path / "whole"), last(tmp_path / "parts")
    for key in ("state_dict", "optimizer_states", "global_step"):
        assert same(whole[key], together[key]), key
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")


def test_another_seed_is_another_run(gan: Gan, tmp_path: Path) -> None:
    """So that the equalities above say something."""
    gan(folder="one")
    gan("--seed_everything", "1", folder="two")
    assert not same(last(tmp_path / "one")["state_dict"], last(tmp_path / "two")["state_dict"])
    assert rows(tmp_path / "one") != rows(tmp_path / "two")
