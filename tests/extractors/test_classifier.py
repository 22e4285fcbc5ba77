"""Extractors trained on the user's images: trained, saved, loaded, and refused when damaged."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from gan_lightning.data import digits as digits_data
from gan_lightning.errors import UserError
from gan_lightning.extractors.classifier import ResidualClassifier, classifier, save_classifier
from gan_lightning.extractors.digits import IMAGE_SHAPE
from gan_lightning.extractors.train_classifier import train_extractor


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("extractor") / "tiny.safetensors"
    torch.manual_seed(0)
    network = ResidualClassifier((3, 16, 16), num_classes=4, width=2)
    save_classifier(path, network, "tiny", (3, 16, 16), accuracy=0.75)
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
    ],
)
def test_impossible_arguments_are_refused(arguments: dict[str, float], message: str) -> None:
    with pytest.raises(UserError, match=message):
        train_extractor(digits_data(), **arguments)  # type: ignore[arg-type]  # mixed types
