"""What every extractor has: frozen, known by what it computes, and sure of the images it takes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.extractors.base import (
    FeatureExtractor,
    file_sha256,
    fingerprint,
    require_shape,
)


class sums(FeatureExtractor):
    """One feature and two logits, with dropout that must never drop anything."""

    name = "sums"
    num_features = 1
    num_classes = 2

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.layer = nn.Linear(1, 2)
        nn.init.constant_(self.layer.weight, weight)
        nn.init.zeros_(self.layer.bias)
        self.drop = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        features = self.drop(images.flatten(1).float().sum(1, keepdim=True))
        return features, self.layer(features)


class other_sums(sums):
    """Another network of the same weights."""


def test_a_prepared_extractor_is_frozen() -> None:
    extractor = sums()
    assert all(parameter.requires_grad for parameter in extractor.parameters())
    extractor.prepare()
    assert not any(parameter.requires_grad for parameter in extractor.parameters())


def test_it_stays_in_evaluation_mode_inside_a_module_that_trains() -> None:
    extractor = sums()
    extractor.prepare()
    around = nn.ModuleList([extractor, nn.Dropout(0.5)]).train()
    assert around[1].training
    assert not any(part.training for part in extractor.modules())
    images = torch.ones(200, 1, 2, 2, dtype=torch.uint8)
    assert extractor(images)[0].unique().tolist() == [4.0]


def test_it_judges_images_of_every_shape_and_counts_every_class_unless_it_says_otherwise() -> None:
    extractor = sums()
    extractor.check((3, 5, 7))
    assert range(extractor.num_classes)[extractor.counted_classes] == range(2)
    assert extractor.resize == "none"


def test_an_extractor_is_known_by_its_class_and_its_weights() -> None:
    assert sums(1.0).fingerprint == sums(1.0).fingerprint
    assert len({sums(1.0).fingerprint, sums(2.0).fingerprint, other_sums(1.0).fingerprint}) == 3


TENSORS = {"a": torch.tensor([[1.0, 2.0], [3.0, 4.0]]), "b": torch.zeros(2, dtype=torch.int64)}
OTHERS = {
    "a value": ("x", {**TENSORS, "a": torch.tensor([[1.0, 2.0], [3.0, 5.0]])}),
    "a shape": ("x", {**TENSORS, "a": TENSORS["a"].flatten()}),
    "a type of the same bytes": ("x", {**TENSORS, "b": torch.zeros(2, dtype=torch.float64)}),
    "a name": ("x", {"a": TENSORS["a"], "c": TENSORS["b"]}),
    "one more": ("x", {**TENSORS, "c": torch.zeros(0)}),
    "one less": ("x", {"a": TENSORS["a"]}),
    "the label": ("y", TENSORS),
    "swapped": ("x", {"a": TENSORS["b"], "b": TENSORS["a"]}),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_fingerprint_moves_with_all_that_a_function_is_of(what: str) -> None:
    assert fingerprint(*OTHERS[what]) != fingerprint("x", TENSORS)


def test_a_fingerprint_stays_however_the_tensors_lie_in_memory() -> None:
    """In any order, transposed in memory, with or without gradients."""
    whole = fingerprint("x", TENSORS)
    assert set(whole) <= set("0123456789abcdef")
    assert len(whole) == 16
    column = TENSORS["a"].t().contiguous().t().requires_grad_()
    assert not column.is_contiguous()
    assert fingerprint("x", {"b": TENSORS["b"], "a": column}) == whole


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.bool, torch.complex64])
def test_tensors_of_every_type_have_a_fingerprint(dtype: torch.dtype) -> None:
    one, two = torch.zeros(2, 2, dtype=dtype), torch.tensor([[0, 1], [0, 0]]).to(dtype)
    assert fingerprint("x", {"a": one}) == fingerprint("x", {"a": one.clone()})
    assert fingerprint("x", {"a": one}) != fingerprint("x", {"a": two})
    assert fingerprint("x", {"a": one[0, 0]}) != fingerprint("x", {"a": one[:0]})


@pytest.mark.parametrize("content", [b"", b"weights", bytes(range(256)) * 9])
def test_the_checksum_of_a_file_is_that_of_its_bytes(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    assert file_sha256(path) == hashlib.sha256(content).hexdigest()


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "absent.pth"
    with pytest.raises(UserError) as caught:
        file_sha256(path)
    assert str(caught.value) == f"cannot read {path}: No such file or directory"


def test_images_of_the_wanted_shape_alone_are_taken() -> None:
    require_shape("mine", (3, 8, 16), (3, 8, 16))
    said = r"^extractor mine judges 3 x 8 x 16 images .* these are 3 x 16 x 8\. Choose another"
    with pytest.raises(UserError, match=said):
        require_shape("mine", (3, 16, 8), (3, 8, 16))
