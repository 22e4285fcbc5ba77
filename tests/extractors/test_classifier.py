"""Extractors trained on the user's images: trained, saved, loaded, and refused when damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gan_lightning.data import digits as digits_data
from gan_lightning.data.base import Split
from gan_lightning.data.prepared import Prepared
from gan_lightning.errors import UserError
from gan_lightning.extractors import fitting
from gan_lightning.extractors.classifier import ResidualClassifier, classifier, save_classifier
from gan_lightning.extractors.digits import IMAGE_SHAPE
from gan_lightning.extractors.fitting import varied
from gan_lightning.extractors.train_classifier import train_extractor


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extractor") / "tiny.safetensors"
    torch.manual_seed(0)
    network = ResidualClassifier((3, 16, 16), num_classes=4, width=2)
    save_classifier(path, network, "tiny", (3, 16, 16), accuracy=0.75, origin={})
    return path


@pytest.mark.parametrize("size", [4, 8, 28, 32, 64, 128])
def test_it_takes_images_of_every_size(size: int) -> None:
    network = ResidualClassifier((1, size, size), num_classes=3, width=2).eval()
    features, logits = network(torch.zeros(2, 1, size, size))
    assert features.shape == (2, network.num_features)
    assert logits.shape == (2, 3)


def test_a_saved_extractor_knows_what_it_is(saved: Path) -> None:
    extractor = classifier(str(saved))
    extractor.prepare()
    assert (extractor.name, extractor.image_shape) == ("tiny", (3, 16, 16))
    assert (extractor.num_features, extractor.num_classes) == (8, 4)
    assert extractor.accuracy == 0.75
    features, logits = extractor(torch.zeros(2, 3, 16, 16, dtype=torch.uint8))
    assert (features.shape, logits.shape) == ((2, 8), (2, 4))
    with pytest.raises(UserError, match="judges 3 x 16 x 16"):
        extractor.check((3, 32, 32))


def metadata(path: Path) -> dict[str, str]:
    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def test_a_changed_weight_is_noticed(saved: Path, tmp_path: Path) -> None:
    state = load_file(saved)
    state["head.weight"][0, 0] += 1e-3
    save_file(state, tmp_path / "changed.safetensors", metadata=metadata(saved))
    with pytest.raises(UserError, match="fingerprint"):
        classifier(str(tmp_path / "changed.safetensors")).prepare()


@pytest.mark.parametrize("keep", [0, 20, 5000])
def test_half_a_file_is_refused(saved: Path, tmp_path: Path, keep: int) -> None:
    path = tmp_path / "half.safetensors"
    path.write_bytes(saved.read_bytes()[:keep])
    with pytest.raises(UserError, match="cannot use"):
        classifier(str(path)).prepare()


def test_files_that_are_no_classifiers_are_refused(saved: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(1)}, other)
    with pytest.raises(UserError, match="not written by"):
        classifier(str(other)).prepare()
    with pytest.raises(UserError, match="is no file"):
        classifier(str(tmp_path / "absent.safetensors")).prepare()
    facts = json.loads(metadata(saved)["classifier"])
    facts["num_classes"] = 5
    save_file(load_file(saved), other, metadata={"classifier": json.dumps(facts)})
    with pytest.raises(UserError, match="cannot use"):
        classifier(str(other)).prepare()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "../../x"),
        ("name", "/tmp/x"),
        ("name", "a/b"),
        ("name", ".."),
        ("name", 5),
        ("image_shape", "abc"),
        ("image_shape", [3, 16]),
        ("image_shape", [3, -16, 16]),
        ("width", 2**40),
        ("num_classes", "4"),
        ("accuracy", None),
    ],
)
def test_what_a_file_says_of_itself_is_no_path_and_no_surprise(
    saved: Path, tmp_path: Path, field: str, value: object
) -> None:
    other = tmp_path / "other.safetensors"
    facts = json.loads(metadata(saved)["classifier"]) | {field: value}
    save_file(load_file(saved), other, metadata={"classifier": json.dumps(facts)})
    with pytest.raises(UserError, match="cannot use"):
        classifier(str(other)).prepare()


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


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".hidden", "x y"])
def test_a_name_is_never_used_as_a_path(saved: Path, tmp_path: Path, name: str) -> None:
    facts = json.loads(metadata(saved)["classifier"]) | {"name": name}
    path = tmp_path / "named.safetensors"
    save_file(load_file(saved), path, metadata={"classifier": json.dumps(facts)})
    with pytest.raises(UserError, match="could be a path"):
        classifier(str(path)).prepare()
    if name:
        with pytest.raises(UserError, match="letters, digits"):
            train_extractor(digits_data(), str(tmp_path / "x.safetensors"), name=name)


@pytest.mark.parametrize(
    "wrong", [{"image_shape": [3, 16]}, {"image_shape": 3}, {"width": "wide"}, {"accuracy": None}]
)
def test_facts_of_another_kind_are_refused(
    saved: Path, tmp_path: Path, wrong: dict[str, object]
) -> None:
    facts = json.loads(metadata(saved)["classifier"]) | wrong
    path = tmp_path / "wrong.safetensors"
    save_file(load_file(saved), path, metadata={"classifier": json.dumps(facts)})
    with pytest.raises(UserError, match="what it says of itself"):
        classifier(str(path)).prepare()


def test_a_place_that_cannot_be_written_is_found_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"^out .* cannot be written"):
        train_extractor(unlabelled(), str(tmp_path / "file" / "x.safetensors"))


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


class unlabelled(digits_data):
    """Digits that nobody named."""

    def labels(self, split: str = "train") -> None:
        """None."""


def test_images_without_labels_cannot_be_learned(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="0 classes"):
        train_extractor(unlabelled(), str(tmp_path / "x.safetensors"))


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
