"""The command that trains an extractor: what it measures, saves and says, and what it refuses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gan_lightning.data import digits as digits_data
from gan_lightning.data.base import Split
from gan_lightning.data.prepared import Prepared
from gan_lightning.errors import UserError
from gan_lightning.extractors import train_classifier
from gan_lightning.extractors.classifier import ResidualClassifier, classifier
from gan_lightning.extractors.digits import IMAGE_SHAPE
from gan_lightning.extractors.train_classifier import train_extractor
from gan_lightning.streams import stream
from tests.conftest import same
from tests.extractors.made import metadata


def test_training_saves_what_it_measured_and_is_reproducible(tmp_path: Path) -> None:
    before = torch.random.get_rng_state()
    results = [
        train_extractor(digits_data(), str(tmp_path / f"{i}.safetensors"), steps=3, width=2)
        for i in range(2)
    ]
    assert torch.equal(before, torch.random.get_rng_state())
    assert results[0]["fingerprint"] == results[1]["fingerprint"]
    extractor = classifier(results[0]["file"])
    extractor.prepare()
    assert extractor.name == results[0]["name"] == "digits_classifier"
    assert extractor.accuracy == pytest.approx(results[0]["accuracy"], abs=1e-6)
    assert extractor.image_shape == IMAGE_SHAPE


@pytest.mark.parametrize("seed", [0, 5])
def test_weights_and_held_out_images_are_of_the_seed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """And the batches: the recipe has it, too."""
    given: list[Any] = []
    monkeypatch.setattr(train_classifier, "fit", lambda *arguments: given.extend(arguments))
    out = str(tmp_path / "x.safetensors")
    train_extractor(digits_data(), out, steps=1, width=1, held_out=0.25, seed=seed)
    network, _, _, rows, recipe, *_ = given
    order = stream(seed, "extractor split", 0).permutation(1797)
    np.testing.assert_array_equal(rows, order[round(0.25 * 1797) :])
    torch.manual_seed(seed)
    assert same(network.state_dict(), ResidualClassifier(IMAGE_SHAPE, 10, 1).state_dict())
    assert recipe.seed == seed


def test_a_seed_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"^seed -1 is not allowed"):
        train_extractor(digits_data(), str(tmp_path / "x.safetensors"), steps=1, seed=-1)


class labelled_test(digits_data):
    """Digits of which the last 297 are held out, with their labels."""

    splits = ("train", "test")

    def belongs_on_disk(self, split: Split) -> bool:
        return split == "test"

    def prepare_data(self) -> None:
        """Nothing lies on the disk in truth."""

    def load(self, split: Split) -> Prepared:
        whole = super().load(split)
        part = slice(1500) if split == "train" else slice(1500, None)
        assert whole.labels is not None
        return Prepared(whole.images[part], whole.labels[part], f"digits {split}")


def test_the_file_says_what_it_was_made_from_and_how_well_it_does(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.safetensors"
    result = train_extractor(labelled_test(), str(out), steps=20, width=2, seed=5, smoothing=0.2)
    facts = json.loads(metadata(out)["classifier"])
    assert (facts["steps"], facts["seed"], facts["smoothing"]) == (20, 5, 0.2)
    assert (facts["data"], facts["held_out"]) == ("digits train", "test images")
    assert facts["held_out_count"] == result["held_out_count"] == 297
    labels = labelled_test().labels("test")
    assert labels is not None
    counts = np.bincount(labels)
    mean = (np.array(facts["accuracy_per_class"]) * counts).sum() / 297
    assert mean == pytest.approx(result["accuracy"], abs=1e-5)
    extractor = classifier(str(out))
    extractor.prepare()
    images = torch.from_numpy(np.ascontiguousarray(labelled_test().images("test")))
    found = float((extractor(images)[1].argmax(1).numpy() == labels).mean())
    assert found == pytest.approx(result["accuracy"], abs=1e-6)
    assert "297 test images" in capsys.readouterr().out


def test_without_a_test_split_a_share_of_the_training_images_is_kept(tmp_path: Path) -> None:
    out = str(tmp_path / "x.safetensors")
    result = train_extractor(digits_data(), out, steps=1, width=2, held_out=0.25)
    assert result["held_out"] == "training images kept for it"
    assert result["held_out_count"] == round(0.25 * 1797)


class few(digits_data):
    """Noise in three classes of 12, 5 and 3 images."""

    counted: tuple[int, ...] = (12, 5, 3)

    def load(self, split: Split) -> Prepared:
        labels = np.repeat(np.arange(len(self.counted)), self.counted)
        images = np.random.default_rng(0).integers(256, size=(len(labels), 16, 16, 1))
        return Prepared(images.astype(np.uint8), labels, f"few {split}")


def trained(data: digits_data, folder: Path, **options: Any) -> dict[str, Any]:
    settings = {"steps": 1, "width": 1, "batch_size": 2, **options}
    return train_extractor(data, str(folder / "x.safetensors"), **settings)


def test_only_the_file_is_left_and_it_says_what_was_decided_for_the_user(tmp_path: Path) -> None:
    result = trained(few(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["x.safetensors"]
    facts = json.loads(metadata(tmp_path / "x.safetensors")["classifier"])
    assert (result["name"], facts["name"]) == ("few_classifier", "few_classifier")
    assert facts["shift"] == 2  # an eighth of 16 pixels
    assert (facts["num_classes"], facts["data"]) == (3, "few train")
    again = trained(few(), tmp_path, name="mine", shift=3)
    assert again["name"] == "mine"
    assert json.loads(metadata(tmp_path / "x.safetensors")["classifier"])["shift"] == 3


def test_one_image_at_least_is_kept_and_a_class_without_one_has_no_accuracy(tmp_path: Path) -> None:
    result = trained(few(), tmp_path, held_out=1e-9)
    assert result["held_out_count"] == 1
    (accuracy,) = [share for share in result["accuracy_per_class"] if share is not None]
    assert accuracy == result["accuracy"]
    assert len(result["accuracy_per_class"]) == 3


def test_one_image_at_least_is_left_to_train_on(tmp_path: Path) -> None:
    result = trained(few(), tmp_path, held_out=0.99)
    assert result["held_out_count"] == 19
    assert None not in result["accuracy_per_class"]


class half_labelled(few):
    """A test split that is there, but without labels."""

    splits = ("train", "test")

    def belongs_on_disk(self, split: Split) -> bool:
        return split == "test"

    def prepare_data(self) -> None:
        """Nothing lies on the disk in truth."""

    def load(self, split: Split) -> Prepared:
        whole = super().load(split)
        return Prepared(whole.images, whole.labels if split == "train" else None, split)


class absent_test(half_labelled):
    """A test split that a user did not get."""

    def belongs_on_disk(self, split: Split) -> bool:
        return False

    def load(self, split: Split) -> Prepared:
        assert split == "train"
        return super().load(split)


@pytest.mark.parametrize("data", [half_labelled, absent_test])
def test_a_test_split_that_cannot_measure_is_none(tmp_path: Path, data: type[few]) -> None:
    result = trained(data(), tmp_path)
    assert result["held_out"] == "training images kept for it"
    assert result["held_out_count"] == 2


class one_class(few):
    """All of one kind."""

    counted = (9,)


def test_images_of_one_class_cannot_be_learned(tmp_path: Path) -> None:
    said = r"^data one_class has 1 classes, but a classifier needs 2 or more: .*`data.num_classes`"
    with pytest.raises(UserError, match=said):
        trained(one_class(), tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_shift_by_all_of_an_image_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError) as caught:
        trained(few(), tmp_path, shift=16)
    assert str(caught.value) == "shift is 16, all of an image: give less than 16 pixels"
    trained(few(), tmp_path, shift=15)


@pytest.mark.slow
def test_training_learns_the_digits(tmp_path: Path) -> None:
    out = str(tmp_path / "digits.safetensors")
    result = train_extractor(digits_data(), out, steps=200, width=8, batch_size=64)
    assert result["accuracy"] > 0.95
    data = digits_data()
    data.setup("fit")
    labels = data.labels("train")
    assert labels is not None
    extractor = classifier(out)
    extractor.prepare()
    _, logits = extractor(torch.from_numpy(np.ascontiguousarray(data.images("train"))))
    assert float((logits.argmax(1).numpy() == labels).mean()) > 0.95


def test_a_place_that_cannot_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^out .* cannot be written"):
        train_extractor(unlabelled(), str(tmp_path / "file" / "x.safetensors"))


class unlabelled(digits_data):
    """Digits that nobody named."""

    def labels(self, split: str = "train") -> None:
        """None."""


def test_images_without_labels_cannot_be_learned(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="0 classes"):
        train_extractor(unlabelled(), str(tmp_path / "x.safetensors"))


@pytest.mark.parametrize("name", ["../../x", "a/b", ".hidden", "x y"])
def test_a_name_names_files_and_is_no_path(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="letters, digits"):
        train_extractor(digits_data(), str(tmp_path / "x.safetensors"), name=name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"out": "x.pth"}, "safetensors"),
        ({"out": "x.safetensors", "held_out": 1.0}, "^held_out is"),
        ({"out": "x.safetensors", "name": "digits"}, "^name digits"),
        ({"out": "x.safetensors", "name": "../../x"}, "^name .* names files"),
        ({"out": "x.safetensors", "width": 0}, "`width`"),
        ({"out": "x.safetensors", "lr": float("inf")}, "lr"),
        ({"out": "x.safetensors", "lr": float("nan")}, "lr"),
        ({"out": "x.safetensors", "lr": 0.0}, "lr"),
        ({"out": "x.safetensors", "smoothing": 1.0}, "smoothing"),
        ({"out": "x.safetensors", "shift": -1}, "shift"),
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        train_extractor(digits_data(), **arguments)  # type: ignore[arg-type]  # mixed types
