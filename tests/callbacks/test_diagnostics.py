"""Diagnostics in whole runs: what they write, and that training does not notice them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gan_lightning import GAN
from gan_lightning.analysis import gradient_norm, input_gradient_norm, output, variance
from gan_lightning.callbacks import Diagnostics
from gan_lightning.data import digits
from gan_lightning.errors import UserError
from gan_lightning.streams import stream
from tests.conftest import ROOT, Gan, bare_trainer, last, rows, same
from tests.test_training import PRECISIONS

ALL = (
    "gradient_norm,variance,spectral_norm_out,spectral_norm_in,spectral_norm_conv,norm_ratio,"
    "spectra,input_gradient_norm,output,loss_slope,diversity"
)
LAYERS = [f"features.{k}" for k in range(0, 14, 2)]
EVERYTHING = ["--diagnostics.of", f"[{ALL}]", "--diagnostics.every_n_steps", "2"]

QUIET = ["--trainer.val_check_interval", "6", "--trainer.limit_val_batches", "0"]

CASES = {
    "many": [
        *("--model.n_dis", "2", "--model.penalties", "[gradient_penalty]"),
        *("--model.iterations_per_batch", "3", "--model.generator_batch_size", "6"),
    ],
    "gamma": ["--model.norm", "gamma", "--data.flip", "true", "--model.augment", "DiffAugment"],
    "state": [
        *("--model.objective", "began", "--model.norm", "none"),
        *("--model.discriminator", "AutoencoderDiscriminator", "--model.discriminator.width", "2"),
    ],
    "bf16": PRECISIONS["bf16-mixed"].split(),
    "16": PRECISIONS["16-mixed"].split(),
}


@pytest.mark.parametrize(
    "case",
    ["many", "16", *(pytest.param(c, marks=pytest.mark.slow) for c in ("gamma", "state", "bf16"))],
)
def test_training_does_not_notice(gan: Gan, tmp_path: Path, case: str) -> None:
    """Weights, buffers, moments, the scaler, losses: the same to the last bit."""
    options = [*CASES[case], *QUIET]
    gan(*options, folder="without")
    drawn = torch.get_rng_state()
    gan(*options, *EVERYTHING, folder="with")
    assert torch.equal(drawn, torch.get_rng_state())
    one, two = last(tmp_path / "without"), last(tmp_path / "with")
    for key in ("state_dict", "optimizer_states", "loops", "lr_schedulers"):
        assert same(one[key], two[key]), key
    assert same(one.get("MixedPrecision"), two.get("MixedPrecision"))
    losses = [
        [(row["discriminator_loss"], row["generator_loss"]) for row in rows(tmp_path / folder)]
        for folder in ("without", "with")
    ]
    assert losses[0] == [pair for pair in losses[1] if any(pair)]
    looks = [row["step"] for row in rows(tmp_path / "with") if row.get("output/real")]
    assert looks == ["0", "2", "4", "6"]


def test_what_is_written(gan: Gan, tmp_path: Path) -> None:
    gan(*EVERYTHING)
    first, *_ = table = rows(tmp_path / "run")
    assert [row["step"] for row in table] == ["0", "2", "4", "6"]
    layers = {*LAYERS, "linear"}
    expected = {
        "gradient_norm": {*layers, "total"},
        "variance": {*layers, "product"},
        "spectral_norm_out": layers,
        "spectral_norm_in": layers,
        "spectral_norm_conv": {*LAYERS},
        "norm_ratio": {*LAYERS},
        "input_gradient_norm": {"real", "fake", "between"},
        "output": {"real", "fake"},
        "loss_slope": {"real", "fake"},
        "diversity": {"real", "fake", "ratio"},
    }
    columns = {f"{name}/{part}" for name, parts in expected.items() for part in parts}
    assert {column for column in first if "/" in column} == columns
    for row in table:
        assert all(float(row[column]) == float(row[column]) for column in columns)
        squares = [float(row[f"gradient_norm/{layer}"]) ** 2 for layer in layers]
        assert float(row["gradient_norm/total"]) == pytest.approx(sum(squares) ** 0.5)
    lines = [json.loads(x) for x in (tmp_path / "run" / "spectra.jsonl").read_text().splitlines()]
    assert [(line["step"], line["layer"]) for line in lines] == [
        (step, layer) for step in (0, 2, 4, 6) for layer in [*LAYERS, "linear"]
    ]
    for line in lines:
        values = line["squared_singular_values"]
        assert values == sorted(values, reverse=True)
        row = next(row for row in table if row["step"] == str(line["step"]))
        largest = float(row[f"spectral_norm_out/{line['layer']}"])
        assert values[0] == pytest.approx(largest**2)
    facts = json.loads((tmp_path / "run" / "layers.json").read_text())
    assert list(facts) == [*LAYERS, "linear"]
    assert facts["features.2"] == {
        "shape": [2, 2, 4, 4],
        "scale": 1.4,
        "theorem_2": 1 / 32,
        "theorem_3": 1 / 32,
        "alpha": 2.0,
    }


def test_the_gradient_norm_is_that_of_the_next_loss_on_its_own_batch(
    gan: Gan, tmp_path: Path
) -> None:
    """Worked out again from the checkpoint, with autograd's ``backward`` and the hinge loss."""
    gan(*EVERYTHING, "--model.norm", "ssn")
    (row,) = [row for row in rows(tmp_path / "run") if row["step"] == "6"]
    model = GAN.load_from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt").train()
    images = torch.from_numpy(digits().images().copy()).float() / 127.5 - 1
    index = stream(2**32, "train images", 6).integers(0, len(images), 4)
    latents = model.generator.latents(4, stream(2**32, "latents", 6))
    fake = model.generator(latents).detach()
    D = model.discriminator
    loss = nn.functional.relu(1 - D(images[index])).mean() + nn.functional.relu(1 + D(fake)).mean()
    loss.backward()
    total = 0.0
    for name, parameter in D.named_parameters():
        if not name.endswith("bias"):
            layer = name.removesuffix(".parametrizations.weight.original")
            assert parameter.grad is not None
            norm = parameter.grad.norm().item()
            assert float(row[f"gradient_norm/{layer}"]) == pytest.approx(norm, rel=1e-4)
            total += norm**2
    assert float(row["gradient_norm/total"]) == pytest.approx(total**0.5, rel=1e-4)


def test_half_precision_has_the_norms_of_full_precision(gan: Gan, tmp_path: Path) -> None:
    """Before any update: without the scaler's 65,536, and without the rounding of 8 bits."""
    for name, precision in PRECISIONS.items():
        gan(*EVERYTHING, *precision.split(), "--trainer.max_steps", "2", folder=name)
    looks = {name: rows(tmp_path / name)[0] for name in PRECISIONS}
    for column in (c for c in looks["32-true"] if "/" in c):
        assert {look[column] for look in looks.values()} == {looks["32-true"][column]}, column


def test_a_resumed_run_has_the_looks_of_an_uninterrupted_one(gan: Gan, tmp_path: Path) -> None:
    for folder in ("whole", "parts"):
        end = "6" if folder == "whole" else "3"
        gan(*EVERYTHING, *QUIET, "--trainer.max_steps", end, folder=folder)
    later = json.dumps({"step": 4, "layer": "features.0", "squared_singular_values": [9.0]})
    with (tmp_path / "parts" / "spectra.jsonl").open("a") as file:
        file.write(f"{later}\n")  # of a run that was killed after its checkpoint
    gan(*QUIET, "--ckpt_path", "last", *EVERYTHING, "--trainer.max_steps", "6", folder="parts")
    seen = [
        [
            {c: v for c, v in row.items() if "/" in c}
            for row in rows(tmp_path / folder)
            if row["step"] != "3"
        ]
        for folder in ("whole", "parts")
    ]
    assert seen[0] == seen[1]
    files = [(tmp_path / folder / "spectra.jsonl").read_text() for folder in ("whole", "parts")]
    assert files[0] == files[1]


class Counting(nn.Module):
    """A discriminator that keeps books, draws random numbers and replaces a buffer."""

    seen: Tensor
    kept: Tensor

    def __init__(self, image_shape: tuple[int, int, int]) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(1)
        self.drop = nn.Dropout(0.5)
        self.linear = nn.Linear(256, 1)
        self.register_buffer("seen", torch.zeros(()))
        self.register_buffer("kept", torch.zeros(()))

    def forward(self, images: Tensor) -> Tensor:
        """Judges."""
        self.seen += 1
        self.kept = self.kept + 1
        logits: Tensor = self.linear(self.drop(self.norm(images)).flatten(1))
        return logits


def test_a_discriminator_that_keeps_books_is_left_as_it_was(tmp_path: Path) -> None:
    states = []
    for of in ((), (gradient_norm(), output(), input_gradient_norm())):
        torch.manual_seed(0)
        model = GAN((1, 16, 16), discriminator=Counting)
        looking = Diagnostics(of, every_n_steps=1)
        bare_trainer(tmp_path, max_steps=3, callbacks=[looking]).fit(model, digits(batch_size=4))
        states.append((model.state_dict(), torch.get_rng_state()))
        assert not model.after_each_iteration
    assert same(states[0], states[1])


def test_mistakes_are_told(gan: Gan, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--diagnostics.every_n_steps must be >= 1, got 0"):
        gan("--diagnostics.every_n_steps", "0")
    with pytest.raises(UserError, match="look at real images, but the trainer has no"):
        Diagnostics([variance()]).setup(bare_trainer(tmp_path), GAN((1, 16, 16)), "fit")


@pytest.mark.slow
def test_two_processes_see_what_one_with_all_images_sees(tmp_path: Path) -> None:
    """Before any update, when their weights are the same; and both stay in step afterwards."""
    for world in ("1", "2"):
        command = [sys.executable, "-m", "tests.callbacks.looks", str(tmp_path / world), world]
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        subprocess.run(command, check=True, env=environment, cwd=ROOT, timeout=240)
    one, two = (rows(tmp_path / world) for world in ("1", "2"))
    looked = [row["step"] for row in two if row["output/real"]]
    assert looked == ["0", "2"]
    columns = [column for column in one[0] if "/" in column]
    assert len(columns) == 9 + 3 + 2
    for column in columns:
        assert float(two[0][column]) == pytest.approx(float(one[0][column]), rel=1e-9), column
    files = [(tmp_path / world / "spectra.jsonl").read_text().splitlines() for world in ("1", "2")]
    assert len(files[1]) == len(files[0]) == 2 * 8
