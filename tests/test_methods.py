"""Every kind of method through all layers: command line, config, step, resume, samples, scores."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from gan_lightning import GAN
from gan_lightning.errors import UserError
from tests.conftest import Gan, last, rows, same
from tests.methods import (
    AUGMENTED,
    AUXILIARY,
    BEGAN,
    CONDITIONAL,
    EBGAN,
    PENALTIES,
    RESNET,
    SCHEDULES,
)

METHODS = {
    "penalties": PENALTIES,
    "clip": ["--model.norm=clip", "--model.norm.limit=0.02", "--model.objective=wasserstein"],
    "gamma": ["--model.norm=gamma", "--model.norm.over=bsn", *PENALTIES[:1]],
    "shared gamma": ["--model.norm=shared_gamma", *PENALTIES[:1]],
    "rows and orthonormal": [
        *["--model.norm=wn", "--model.penalties+=orthonormal"],
        *["--model.initialization=orthogonal", "--model.generator_norm=frobenius"],
    ],
    "batch and layer": ["--model.norm=bn", "--model.generator_norm=ln", "--ema.decay=0.9"],
    "initialization": [
        *["--model.norm=none", "--model.initialization=kaiming", "--model.initialization.a=0.2"],
        *["--model.generator_initialization=xavier", "--model.generator_initialization.scale=0.5"],
    ],
    "classes": CONDITIONAL,
    "began": BEGAN,
    "resnet": RESNET,
    "ebgan": EBGAN,
    "auxiliary": [*AUXILIARY, "--model.n_dis=2"],
    "few images": [*AUGMENTED, "--data.limit=50", "--model.generator_batch_size=3"],
    "schedules": SCHEDULES,
    "own batch": ["--model.generator_batch_size=7", "--model.n_dis=2"],
    "generator norm": ["--model.generator_norm=bssn", "--model.generator_norm.scale=1.1"],
    "many at once": [*CONDITIONAL, *PENALTIES, "--model.generator_batch_size=3"],
}


@pytest.mark.parametrize("method", METHODS)
def test_a_method_trains_resumes_and_is_scored(gan: Gan, tmp_path: Path, method: str) -> None:
    options = METHODS[method]
    gan(*options, folder="whole")
    gan(*options, "--trainer.max_steps=3", folder="parts")
    gan(*options, "--ckpt_path=last", folder="parts")
    whole, parts = last(tmp_path / "whole"), last(tmp_path / "parts")
    for key in ("state_dict", "optimizer_states"):
        assert same(whole[key], parts[key]), key
    assert rows(tmp_path / "whole") == rows(tmp_path / "parts")
    assert any(row.get("digits_fid") for row in rows(tmp_path / "whole"))
    loaded = GAN.load_from_checkpoint(tmp_path / "whole" / "checkpoints" / "last.ckpt")
    assert loaded.sample(3).shape == (3, 1, 16, 16)


def test_methods_are_not_each_other(gan: Gan, tmp_path: Path) -> None:
    """So that the equalities above say something: each option reaches the training."""
    unscored = ["--trainer.limit_val_batches=0", "--trainer.max_steps=2", "--model.norm=sn"]
    variants: dict[str, list[str]] = {
        "plain": [],
        "gp": PENALTIES[:1],
        "r1": PENALTIES[1:],
        "both": PENALTIES,
        "clip": ["--model.norm=clip"],
        "own": ["--model.generator_batch_size=4"],
        "orthonormal": ["--model.penalties+=orthonormal"],
        "ln": ["--model.norm=ln"],
        "scaled": ["--model.initialization=lecun", "--model.initialization.scale=2"],
        "of the generator": ["--model.generator_initialization=lecun"],
        "augmented": ["--model.augment=DiffAugment"],
        "augmented in part": AUGMENTED,
        "limited": ["--data.limit=50"],
        "scheduled": SCHEDULES[:2],
        "both scheduled": SCHEDULES,
    }
    for name, options in variants.items():
        gan(*unscored, *options, folder=name)
    states = {name: last(tmp_path / name)["optimizer_states"] for name in variants}
    for one in variants:
        for two in variants:
            assert (one == two) == same(states[one], states[two]), (one, two)


def test_clipped_weights_are_within_their_bound(gan: Gan, tmp_path: Path) -> None:
    gan("--model.norm=clip", "--model.norm.limit=0.005", "--trainer.limit_val_batches=0")
    state: Any = last(tmp_path / "run")["state_dict"]
    weights = [
        v for k, v in state.items() if k.startswith("discriminator") and k.endswith("weight")
    ]
    assert len(weights) == 8
    assert max(float(w.abs().max()) for w in weights) == pytest.approx(0.005)


def test_classes_of_the_data_reach_every_place(gan: Gan, tmp_path: Path) -> None:
    score = ["--evaluation.metrics=[{class_path: ms_ssim, init_args: {pairs: 10, count: 40}}]"]
    score += ["--evaluation.protocol.is_images=40", "--evaluation.protocol.fid_generated=40"]
    grid = ["--samples.rows=10", "--samples.columns=3"]
    model = gan(*CONDITIONAL, *grid, *score).model
    run = tmp_path / "run"
    assert model.generator.num_classes == model.discriminator.num_classes == 10
    scored = json.loads((run / "scores.jsonl").read_text().splitlines()[-1])
    assert "intra_class_ms_ssim" in scored
    with Image.open(run / "samples" / "step=00000006.png") as picture:
        assert picture.height > 300


def test_prediction_of_a_class(gan: Gan, tmp_path: Path) -> None:
    visibly = "--model.generator_optimizer.lr=0.05"  # so that images differ
    model = gan(*CONDITIONAL, visibly, "--trainer.limit_val_batches=0").model
    options = ["--ckpt_path=last", "--data.num_predict=5"]
    gan(*CONDITIONAL, *options, "--data.predict_classes=[3]", subcommand="predict")
    with np.load(tmp_path / "run" / "predictions" / "images.npz") as file:
        images, labels = file["images"], file["labels"]
    assert labels.tolist() == [3] * 5
    assert len({image.tobytes() for image in images}) == 5
    assert np.array_equal(images, model.sample(5, classes=[3]).permute(0, 2, 3, 1).numpy())
    gan(*CONDITIONAL, *options, subcommand="predict")
    with np.load(tmp_path / "run" / "predictions" / "images.npz") as file:
        assert file["labels"].tolist() == [0, 1, 2, 3, 4]
    with pytest.raises(UserError, match="class 10 is not known; the classes are 0 to 9"):
        gan(*CONDITIONAL, *options, "--data.predict_classes=[10]", subcommand="predict")


def test_prediction_without_classes_has_no_labels(gan: Gan, tmp_path: Path) -> None:
    gan("--trainer.limit_val_batches=0", "--trainer.max_steps=2")
    options = ["--ckpt_path=last", "--data.num_predict=5"]
    gan(*options, subcommand="predict")
    with np.load(tmp_path / "run" / "predictions" / "images.npz") as file:
        assert list(file) == ["images"]
    with pytest.raises(UserError, match="was trained without classes"):
        gan(*options, "--data.predict_classes=[1]", subcommand="predict")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--model.generator_batch_size=0"], "generator_batch_size must be an integer >= 1, got 0"),
        (["--model.n_dis=0"], "n_dis must be an integer >= 1, got 0"),
        ([*CONDITIONAL[:3]], "takes 10 classes, but .* takes no classes"),
        (["--model.objective=auxiliary"], "auxiliary does not understand .* without a class head"),
        ([*AUXILIARY[:5]], r"hinge does not understand .* Judgement \(logits, class_loss\)"),
    ],
)
def test_nonsense_is_refused(gan: Gan, options: list[str], message: str) -> None:
    with pytest.raises(UserError, match=message):
        gan(*options)
