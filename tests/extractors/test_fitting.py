"""Fitting a classifier: every batch a function of its step, so that it can go on anywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from gan_lightning.data import digits as digits_data
from gan_lightning.errors import UserError
from gan_lightning.extractors import fitting
from gan_lightning.extractors.classifier import ResidualClassifier
from gan_lightning.extractors.fitting import FittingRecipe, fit, varied
from gan_lightning.extractors.train_classifier import train_extractor


class Killed(Exception):  # noqa: N818  (as a kill would)
    """What ends a training early."""


@pytest.mark.parametrize("flip", [False, True])
def test_an_interrupted_training_ends_as_an_uninterrupted_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, flip: bool
) -> None:
    def train(name: str, **options: Any) -> dict[str, Any]:
        settings = {"steps": 12, "width": 2, "batch_size": 8, "flip": flip} | options
        return train_extractor(digits_data(), str(tmp_path / name), **settings)

    whole = train("whole.safetensors")["fingerprint"]
    monkeypatch.setattr(fitting, "_SAVED_EVERY", 0.0)
    save, part = fitting._Progress.save, tmp_path / "parts.safetensors.part"

    def save_and_die(self: fitting._Progress, step: int) -> None:
        save(self, step)
        if step == 7:
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(fitting._Progress, "save", save_and_die)
        with pytest.raises(Killed):
            train("parts.safetensors")
    assert part.exists()
    with pytest.raises(UserError, match="interrupted, with other options"):
        train("parts.safetensors", lr=1e-3)
    seen: list[int] = []
    monkeypatch.setattr(fitting._Progress, "save", lambda self, step: seen.append(step))
    assert train("parts.safetensors")["fingerprint"] == whole
    assert seen == [8, 9, 10, 11, 12]
    assert not part.exists()
    part.write_bytes(b"half")
    with pytest.raises(UserError, match=r"damaged \(.*\): delete it"):
        train("parts.safetensors")


def test_a_training_that_diverges_saves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "x.safetensors"
    with pytest.raises(UserError, match="diverged by step 30"):
        train_extractor(digits_data(), str(out), steps=30, width=2, lr=1e30)
    assert list(tmp_path.iterdir()) == []


RECIPE = FittingRecipe(steps=3, batch_size=4, lr=1e-2, smoothing=0.1, shift=1, flip=True, seed=0)
IMAGES = np.random.default_rng(0).integers(256, size=(40, 1, 8, 8), dtype=np.uint8)
Labels = NDArray[np.int64]
LABELS: Labels = np.arange(40) % 2


def fitted(
    folder: Path, recipe: FittingRecipe = RECIPE, rows: range = range(40), labels: Labels = LABELS
) -> dict[str, Tensor]:
    torch.manual_seed(0)
    network = ResidualClassifier((1, 8, 8), num_classes=2, width=2)
    torch.manual_seed(recipe.batch_size)  # of no consequence
    fit(network, IMAGES, labels, np.array(rows), recipe, {}, folder / "x.part")
    return network.state_dict()


def equal(one: dict[str, Tensor], two: dict[str, Tensor]) -> bool:
    return all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 4},
        {"batch_size": 5},
        {"lr": 2e-2},
        {"smoothing": 0.2},
        {"shift": 2},
        {"flip": False},
        {"seed": 1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_the_weights_depend_on_everything_in_the_recipe(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    assert not equal(fitted(tmp_path), fitted(tmp_path, replace(RECIPE, **change)))


def test_the_weights_depend_on_nothing_else(tmp_path: Path) -> None:
    """Not on the random state, which is neither read nor moved, nor on where a draft would lie."""
    one = fitted(tmp_path)
    torch.manual_seed(RECIPE.batch_size)
    untouched = torch.random.get_rng_state()
    assert equal(one, fitted(tmp_path / "elsewhere"))
    assert torch.equal(torch.random.get_rng_state(), untouched)
    assert list(tmp_path.iterdir()) == []  # so short a training leaves no draft


def test_only_the_rows_that_are_meant_are_looked_at(tmp_path: Path) -> None:
    """The others have classes that the network does not know, which the loss would refuse."""
    labels = np.where(np.arange(40) < 10, LABELS, 99)
    one = fitted(tmp_path, rows=range(10), labels=labels)
    assert not equal(one, fitted(tmp_path))
    with pytest.raises(IndexError):
        fitted(tmp_path, rows=range(10, 40), labels=labels)


def test_it_descends_the_cross_entropy(tmp_path: Path) -> None:
    """Of images that are all black or all white, which 20 updates tell apart."""
    images = np.repeat(np.array([0, 255], np.uint8), 64 * 8).reshape(16, 1, 8, 8)
    labels = np.repeat([0, 1], 8)
    torch.manual_seed(0)
    network = ResidualClassifier((1, 8, 8), num_classes=2, width=2)
    recipe = replace(RECIPE, steps=20)
    fit(network, images, labels, np.arange(16), recipe, {}, tmp_path / "x.part")
    found = network.eval()(torch.from_numpy(images).float())[1].argmax(1)
    assert found.tolist() == labels.tolist()


POSSIBLE = [{"lr": 1e-30}, {"lr": 3e38}, {"smoothing": 0.0}, {"smoothing": 0.99}, {"shift": 0}]
IMPOSSIBLE = [
    ("lr", 0.0, "numbers of float32 above 0"),
    ("lr", -1e-3, "numbers of float32 above 0"),
    ("lr", 1e39, "numbers of float32 above 0"),
    ("lr", float("inf"), "numbers of float32 above 0"),
    ("lr", float("nan"), "numbers of float32 above 0"),
    ("smoothing", 1.0, "0 to less than 1"),
    ("smoothing", -0.1, "0 to less than 1"),
    ("shift", -1, "0 or more pixels"),
]


@pytest.mark.parametrize("change", POSSIBLE, ids=str)
def test_what_a_training_can_be_made_of(change: dict[str, Any]) -> None:
    replace(RECIPE, **change).require_possible()


@pytest.mark.parametrize(("name", "value", "allowed"), IMPOSSIBLE)
def test_what_no_training_can_be_made_of_is_one_sentence(
    name: str, value: float, allowed: str
) -> None:
    recipe = replace(RECIPE, **{name: value})  # type: ignore[arg-type]  # mixed types
    with pytest.raises(UserError) as caught:
        recipe.require_possible()
    assert str(caught.value) == f"{name} is {value}; allowed are {allowed}"


def test_variation_moves_each_image_by_its_own_and_mirrors_about_half() -> None:
    images = torch.arange(64.0).view(1, 1, 8, 8).expand(400, 1, 8, 8)
    rng = np.random.default_rng(0)
    kept = varied(images, 0, False, rng)
    assert torch.equal(kept, images)
    mirrored = (varied(images, 0, True, rng) == images.flip(3)).flatten(1).all(1)
    assert 0.4 < mirrored.double().mean() < 0.6
    moved = varied(images, 2, False, rng)
    corners = moved[:, 0, 4, 4] - images[0, 0, 4, 4]
    assert set(corners.tolist()) == {8 * i + j for i in range(-2, 3) for j in range(-2, 3)}
    assert moved.min() >= 0  # edges are repeated, nothing comes from outside


def test_all_channels_of_an_image_move_together_whatever_it_shows() -> None:
    levels = torch.tensor([0.0, 100.0, 200.0])[:, None, None]
    images = (torch.arange(60.0).view(6, 10) + levels).expand(50, 3, 6, 10)
    moved = varied(images, 2, True, np.random.default_rng(0))
    assert not torch.equal(moved, images)
    assert torch.equal(moved - levels, moved[:, :1].expand_as(moved))
    again = varied(images + 1, 2, True, np.random.default_rng(0))
    assert torch.equal(again, moved + 1)


def test_mirroring_leaves_the_shifts_as_they_would_be() -> None:
    """An image that is its own mirror image is only moved, as without mirroring."""
    rows = torch.arange(8.0)[:, None].expand(30, 1, 8, 8)
    plain, mirrored = (varied(rows, 3, flip, np.random.default_rng(1)) for flip in (False, True))
    assert not torch.equal(plain, rows)
    assert torch.equal(plain, mirrored)
