"""Extractors of the user's own: saved, loaded, and refused when damaged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from gan_lightning.errors import UserError
from gan_lightning.extractors.classifier import ResidualClassifier, classifier, save_classifier
from tests.extractors.made import metadata


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


@pytest.mark.parametrize("name", ["../../x", "a/b", "", ".hidden", "x y"])
def test_a_name_is_never_used_as_a_path(saved: Path, tmp_path: Path, name: str) -> None:
    facts = json.loads(metadata(saved)["classifier"]) | {"name": name}
    path = tmp_path / "named.safetensors"
    save_file(load_file(saved), path, metadata={"classifier": json.dumps(facts)})
    with pytest.raises(UserError, match="could be a path"):
        classifier(str(path)).prepare()


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
