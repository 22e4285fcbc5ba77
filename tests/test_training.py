"""Whole runs: what is counted, what is left in the folder, what stops them."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from PIL import Image

from gan_lightning import GAN, cli
from gan_lightning.data import digits
from gan_lightning.errors import TrainingDiverged, UserError
from gan_lightning.gan import TrainingBatch
from gan_lightning.losses import hinge
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import bssn, refresh_
from tests.conftest import Gan, last, same
from tests.reference import ReferenceGAN


def rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


class Counter(Callback):
    """Notes global_step wherever Lightning passes by."""

    def __init__(self) -> None:
        self.batches: list[int] = []
        self.validations: list[int] = []

    def on_train_batch_end(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self.batches.append(trainer.global_step)

    def on_validation_start(self, trainer: Trainer, *args: Any, **kwargs: Any) -> None:
        self.validations.append(trainer.global_step)


PLUGIN = "--trainer.plugins lightning.pytorch.plugins.MixedPrecision --trainer.plugins"
PRECISIONS = {
    "32-true": "",
    "bf16-mixed": "--trainer.precision bf16-mixed",
    # By name it is for GPUs; the plugin does the same, gradient scaler included, on the CPU.
    "16-mixed": f"{PLUGIN}.precision 16-mixed {PLUGIN.split()[-1]}.device cpu",
}


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("n_dis", ["1", "3"])
def test_everything_counts_generator_updates(
    gan: Gan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n_dis: str, precision: str
) -> None:
    counter = Counter()
    monkeypatch.setattr(cli, "SavePredictions", lambda: counter)
    precise = PRECISIONS[precision].split()
    command = gan("--model.n_dis", n_dis, *precise, "--checkpoints.keep_every_n_steps", "2")
    assert counter.batches == [1, 2, 3, 4, 5, 6]
    assert counter.validations == [4]
    assert command.trainer.global_step == 6
    run = tmp_path / "run"
    assert [row["step"] for row in rows(run)] == ["2", "4", "6"]
    kept = sorted(path.name for path in (run / "checkpoints").glob("step=*"))
    assert kept == ["step=00000002.ckpt", "step=00000004.ckpt", "step=00000006.ckpt"]
    assert last(run)["global_step"] == 6
    generator, discriminator = (o.state for o in command.trainer.optimizers)
    if precision != "16-mixed":  # whose scaler leaves out steps of overflowing gradients
        assert {int(s["step"]) for s in generator.values()} == {6}
        assert {int(s["step"]) for s in discriminator.values()} == {6 * int(n_dis)}


@pytest.mark.parametrize("n_dis", [1, 3])
def test_training_is_the_literal_algorithm(tmp_path: Path, n_dis: int) -> None:
    """Lightning, data and latents included: float64, against the reference loop."""
    seen: list[tuple[torch.Tensor, torch.Tensor]] = []

    class Spy(GAN):
        def training_step(self, batch: TrainingBatch, batch_idx: int) -> None:
            images = batch.images.double().unflatten(0, (self.n_dis, -1))
            seen.append((images.clone(), self._latents(images).clone()))
            super().training_step(batch, batch_idx)

    torch.manual_seed(0)
    model = Spy(
        (1, 16, 16),
        generator=lambda shape: CNNGenerator(shape, 6, width=2),
        discriminator=lambda shape: CNNDiscriminator(shape, width=2),
        norm=bssn(1.4),
        n_dis=n_dis,
    ).double()
    refresh_(model.discriminator)  # u anew in float64, as at the start of training
    plain = CNNDiscriminator((1, 16, 16), width=2).double()
    reference = ReferenceGAN(
        model.generator, model.discriminator, plain, "bssn", hinge(), 1e-4, (0.5, 0.999)
    )
    Trainer(
        max_steps=3,
        max_epochs=-1,
        accelerator="cpu",
        precision="64-true",
        log_every_n_steps=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        check_val_every_n_epoch=None,
        default_root_dir=tmp_path,
    ).fit(model, datamodule=digits(batch_size=4))
    assert len(seen) == 3
    for images, latents in seen:
        reference.iteration(images, latents)
    for key, value in reference.generator.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            mine = model.generator.state_dict()[key]
            torch.testing.assert_close(mine, value, rtol=0, atol=1e-11)
    state = model.discriminator.state_dict()
    for key, value in plain.state_dict().items():
        mine = state.get(key, state.get(key.replace("weight", "parametrizations.weight.original")))
        torch.testing.assert_close(mine, value, rtol=0, atol=1e-11)


def test_what_a_run_leaves(gan: Gan, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gan("--samples.every_n_steps", "3")
    run = tmp_path / "run"
    left = {str(p.relative_to(run)) for p in run.rglob("*") if p.is_file()}
    assert left == {
        "config.yaml",
        "metrics.csv",
        "scores.jsonl",
        "checkpoints/last.ckpt",
        "checkpoints/best.ckpt",
        "checkpoints/best.json",
        "samples/step=00000003.png",
        "samples/step=00000006.png",
    }
    assert np.asarray(Image.open(run / "samples" / "step=00000006.png")).std() > 0
    said = capsys.readouterr().out
    assert str(run) in said
    assert "--ckpt_path last" in said


def test_checkpoints_hold_no_metric_network_and_load_safely(gan: Gan, tmp_path: Path) -> None:
    gan()
    checkpoint = last(tmp_path / "run")
    state = checkpoint["state_dict"]
    assert isinstance(state, dict)
    assert {key.split(".")[0] for key in state} == {"generator", "discriminator"}
    assert any(key.endswith("weight.0.u0") for key in state)


def test_load_from_checkpoint_and_sample(gan: Gan, tmp_path: Path) -> None:
    trained = gan("--model.generator_optimizer.lr", "0.05").model
    loaded = GAN.load_from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    images = loaded.sample(5, seed=3)
    assert images.shape == (5, 1, 16, 16)
    assert images.dtype == torch.uint8
    assert torch.equal(images, trained.sample(5, seed=3))
    assert torch.equal(images[:2], loaded.sample(2, seed=3))
    assert not torch.equal(images, loaded.sample(5, seed=4))
    with pytest.raises(UserError, match=">= 1"):
        loaded.sample(0)


def test_a_model_built_in_python_is_saved_and_loaded(tmp_path: Path) -> None:
    def build() -> dict[str, Any]:
        return {
            "image_shape": (1, 16, 16),
            "generator": lambda shape: CNNGenerator(shape, 6, width=2),
            "discriminator": lambda shape: CNNDiscriminator(shape, width=2),
        }

    model = GAN(**build())
    trainer = Trainer(
        max_steps=2,
        max_epochs=-1,
        log_every_n_steps=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        check_val_every_n_epoch=None,
        use_distributed_sampler=False,
        default_root_dir=tmp_path,
    )
    trainer.fit(model, datamodule=digits(batch_size=4))
    trainer.save_checkpoint(tmp_path / "mine.ckpt")
    torch.load(tmp_path / "mine.ckpt", weights_only=True)
    loaded = GAN.load_from_checkpoint(tmp_path / "mine.ckpt", **build())
    assert torch.equal(loaded.sample(3), model.sample(3))


def test_sampling_disturbs_nothing(gan: Gan) -> None:
    model = gan("--trainer.max_steps", "2").model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    model.sample(3)
    assert model.generator.training
    assert torch.equal(torch.get_rng_state(), state)
    assert same(dict(model.state_dict()), before)


def test_predict_writes_the_images(gan: Gan, tmp_path: Path) -> None:
    model = gan().model
    gan("--ckpt_path", "last", "--data.num_predict", "6", subcommand="predict")
    with np.load(tmp_path / "run" / "predictions" / "images.npz") as file:
        images = file["images"]
    assert images.shape == (6, 16, 16, 1)
    assert np.array_equal(images, model.sample(6).permute(0, 2, 3, 1).numpy())


@pytest.mark.parametrize("subcommand", ["validate", "test"])
def test_other_subcommands_leave_the_run_as_it_is(
    gan: Gan, tmp_path: Path, subcommand: str
) -> None:
    gan()
    run = tmp_path / "run"
    files = [path for path in run.rglob("*") if path.is_file() and path.name != "scores.jsonl"]
    before = {path: path.read_bytes() for path in files}
    assert len(files) >= 6
    gan(subcommand=subcommand)
    assert {path: path.read_bytes() for path in files} == before


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
    with pytest.raises(TrainingDiverged, match=f"weights after iteration {step} are NaN"):
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


def test_iterations_of_a_training_step_divide_the_validation_interval(gan: Gan) -> None:
    with pytest.raises(UserError, match="val_check_interval 4 is no multiple of the 3"):
        gan("--model.iterations_per_batch", "3")
    assert gan("--model.iterations_per_batch", "2", folder="two").trainer.global_step == 6


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


def test_a_generator_of_another_value_range_is_refused(
    gan: Gan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CNNGenerator, "value_range", (0.0, 1.0))
    with pytest.raises(UserError, match=r"pixels in \(0.0, 1.0\), but --data has them in \(-1.0"):
        gan()


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


def test_user_loggers_come_beside_the_csv(gan: Gan, tmp_path: Path) -> None:
    logger = "lightning.pytorch.loggers.CSVLogger"
    extra = ["--trainer.logger", logger, "--trainer.logger.save_dir", str(tmp_path / "theirs")]
    command = gan(*extra)
    assert [type(x).__name__ for x in command.trainer.loggers] == ["MetricsCSV", "CSVLogger"]
    assert rows(tmp_path / "run")


def test_several_iterations_in_a_training_step_change_nothing(gan: Gan, tmp_path: Path) -> None:
    unscored = ["--trainer.limit_val_batches", "0"]
    gan(*unscored, folder="one")
    options = [*unscored, "--model.iterations_per_batch", "4"]
    command = gan(*options, folder="four")  # 4 iterations, then the 2 that are left
    assert command.trainer.global_step == 6
    one, four = last(tmp_path / "one"), last(tmp_path / "four")
    for key in ("state_dict", "optimizer_states", "global_step"):
        assert same(one[key], four[key]), key
    assert rows(tmp_path / "one") == rows(tmp_path / "four")


def test_a_cuda_graph_without_cuda_is_refused_only_if_insisted_on(gan: Gan) -> None:
    assert gan("--model.cuda_graph", "auto", folder="auto").trainer.global_step == 6
    with pytest.raises(UserError, match=r"cuda_graph on: there is no CUDA device; use auto or off"):
        gan("--model.cuda_graph", "on", folder="on")
