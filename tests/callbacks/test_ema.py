"""The moving average of the generator, and its scores."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor

from gan_lightning.callbacks.ema import GeneratorAverage
from gan_lightning.errors import UserError
from gan_lightning.gan import GAN
from gan_lightning.images import images_at, with_weights
from gan_lightning.scores.generated import GeneratedImages
from tests.callbacks import runs
from tests.conftest import Gan, last, same

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*does not have many workers",
    "ignore:.*number of training batches",
    "ignore:.*LeafSpec",  # lightning, of torch
    "ignore:.*cannot be pickled",
)


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "metrics.csv").open(newline="") as file:
        return [row for row in csv.DictReader(file) if row.get("digits_fid")]


def test_the_average_follows_its_definition(tmp_path: Path) -> None:
    class Record(Callback):
        def __init__(self) -> None:
            self.states: list[dict[str, Tensor]] = []

        def on_train_start(self, *args: Any) -> None:
            self.note(*args)

        def on_train_batch_end(self, *args: Any) -> None:
            self.note(*args)

        def note(self, trainer: Trainer, module: GAN, *args: object) -> None:
            state = module.generator.state_dict()
            self.states.append({name: v.double().clone() for name, v in state.items()})

    record, average = Record(), GeneratorAverage(0.75)
    runs.fit(tmp_path, [record, average], limit_val_batches=0)
    assert len(record.states) == 7
    assert {"linear.weight", "layers.0.running_mean", "layers.0.running_var"} <= set(
        average.weights
    )
    assert "layers.0.num_batches_tracked" not in average.weights
    for name, got in average.weights.items():
        expected = record.states[0][name]
        for state in record.states[1:]:
            expected = 0.75 * expected + 0.25 * state[name]
        torch.testing.assert_close(got.double(), expected, rtol=1e-5, atol=1e-7)


def test_the_average_is_scored_under_its_own_name(tmp_path: Path) -> None:
    average = GeneratorAverage(0.75)
    trainer = runs.trainer(tmp_path, [runs.evaluation(), average])
    module = runs.gan()
    trainer.fit(module, runs.data(tmp_path))
    (row,) = rows(tmp_path)[-1:]
    assert row["ema_digits_fid"] != row["digits_fid"]
    source = GeneratedImages(module.generator, 64, 0, average.weights)
    own = GeneratedImages(module.generator, 64, 0)
    assert not np.array_equal(source.block(0, 64)[0], own.block(0, 64)[0])


@pytest.mark.parametrize("decay", [0.0, 1.0, -0.5, 2.0])
def test_a_decay_that_is_none_is_refused(decay: float) -> None:
    with pytest.raises(UserError, match=r"^decay is"):
        GeneratorAverage(decay)


def test_without_a_decay_nothing_is_averaged(tmp_path: Path) -> None:
    runs.fit(tmp_path, [runs.evaluation(), GeneratorAverage()])
    assert not any(name.startswith("ema_") for row in rows(tmp_path) for name in row)


def weights(run: Path) -> dict[str, Tensor]:
    average: dict[str, Tensor] = last(run)["generator_average"]
    return average


def test_the_average_counts_generator_updates_whatever_a_training_step_makes(
    gan: Gan, tmp_path: Path
) -> None:
    """Also when a run stops in the middle of a training step and goes on."""
    options = ["--ema.decay=0.7", "--trainer.limit_val_batches=0"]
    gan(*options, folder="one")
    four = [*options, "--model.iterations_per_batch=4"]
    gan(*four, folder="four")
    gan(*four, "--trainer.max_steps=3", folder="parts")
    gan(*four, "--ckpt_path=last", folder="parts")
    for folder in ("four", "parts"):
        assert same(weights(tmp_path / folder), weights(tmp_path / "one")), folder
    start = weights(tmp_path / "one")["linear.weight"]
    state = last(tmp_path / "one")["state_dict"]
    assert not torch.equal(start, state["generator.linear.weight"])


def test_the_average_makes_images_of_its_own(gan: Gan, tmp_path: Path) -> None:
    """In the checkpoint, from Python, as grids and as predictions."""
    options = ["--trainer.limit_val_batches=0", "--samples.every_n_steps=4"]
    gan(*options, "--ema.decay=0.7", "--model.generator_norm=sn")
    run = tmp_path / "run"
    own = GAN.load_from_checkpoint(run / "checkpoints" / "last.ckpt")
    before = {name: tensor.clone() for name, tensor in own.state_dict().items()}
    average, present = own.sample(6, seed=3, ema=True), own.sample(6, seed=3)
    assert not torch.equal(average, present)
    expected = images_at(with_weights(own.generator, weights(run)), range(6), 3)
    assert torch.equal(average, expected)
    assert same(before, own.state_dict())
    names = {f"{ema}step={step:08d}.png" for ema in ("", "ema_") for step in (4, 6)}
    assert {path.name for path in (run / "samples").iterdir()} == names
    look = ["--ckpt_path=last", "--data.num_predict=5", "--model.generator_norm=sn"]
    gan(*look, "--ema.predict=true", subcommand="predict")
    gan(*look, subcommand="predict")
    for name, ema in (("ema_images", True), ("images", False)):
        with np.load(run / "predictions" / f"{name}.npz") as file:
            made = torch.from_numpy(file["images"]).permute(0, 3, 1, 2)
        assert torch.equal(made, own.sample(5, ema=ema)), name


def test_where_there_is_no_average_one_sentence_says_so(gan: Gan, tmp_path: Path) -> None:
    gan("--trainer.limit_val_batches=0", "--trainer.max_steps=2")
    own = GAN.load_from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    with pytest.raises(UserError, match=r"there is none here: train with `ema.decay` 0.999"):
        own.sample(2, ema=True)
    with pytest.raises(UserError, match=r"there is none here: train with --ema.decay"):
        gan("--ckpt_path=last", "--ema.predict=true", subcommand="predict")
