"""ILSVRC2012, pixel by pixel, from its archive and from class folders."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data import (
    imagenet,
    prepare,
)
from gan_lightning.errors import UserError
from tests.data import formats
from tests.data.reference import chw, interpolated, ready, square

SIZES = {"n01": [(150, 200), (375, 500)], "n02": [(300, 128), (90, 70)], "n03": [(128, 129)]}


@pytest.fixture
def small_imagenet(monkeypatch: pytest.MonkeyPatch) -> None:
    formats.expect(monkeypatch, imagenet, 5, 5)
    monkeypatch.setattr(imagenet, "num_classes", 3)


@pytest.mark.usefixtures("small_imagenet")
def test_imagenet_tar_is_squared_and_interpolated(tmp_path: Path) -> None:
    decoded = formats.write_imagenet_tar(tmp_path, SIZES)
    data = ready(imagenet(root=str(tmp_path), batch_size=2))
    for image, original in zip(data.images(), decoded, strict=True):
        np.testing.assert_array_equal(image, chw(interpolated(square(original), 128)))
    np.testing.assert_array_equal(data.labels(), [0, 0, 1, 1, 2])
    assert data.class_names == ("n01", "n02", "n03")


@pytest.mark.usefixtures("small_imagenet")
def test_imagenet_class_folders_give_the_same_as_the_tar(tmp_path: Path) -> None:
    formats.write_imagenet_tar(tmp_path / "tar", SIZES)
    for split in ("train", "val"):
        for wnid, shapes in SIZES.items():
            for number, shape in enumerate(shapes):
                path = tmp_path / "folders" / split / wnid / f"{wnid}_{number}.JPEG"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(formats.jpeg(formats.smooth(*shape, seed=number)))
    tar = ready(imagenet(root=str(tmp_path / "tar"), batch_size=2))
    folders = ready(imagenet(root=str(tmp_path / "folders"), batch_size=2))
    for split in folders.splits:
        np.testing.assert_array_equal(tar.images(), folders.images(split))
        np.testing.assert_array_equal(tar.labels(), folders.labels(split))


def test_a_bad_image_inside_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.write_imagenet_tar(tmp_path, {"n01": [(30, 30)], "n02": [(30, 30)]})
    formats.expect(monkeypatch, imagenet, 2, 0)
    monkeypatch.setattr(imagenet, "num_classes", 2)
    archive = tmp_path / "ILSVRC2012_img_train.tar"
    content = bytearray(archive.read_bytes())
    start = content.rindex(b"\xff\xd8\xff")  # the last JPEG
    content[start : start + 16] = bytes(16)
    archive.write_bytes(content)
    with pytest.raises(UserError, match=r"n02\.tar/n02_0\.JPEG: cannot be decoded"):
        prepare(imagenet(root=str(tmp_path)))


def test_a_wrong_number_of_classes_says_both_numbers(tmp_path: Path) -> None:
    formats.write_imagenet_tar(tmp_path, {"n01": [(9, 9)], "n02": [(9, 9)]})
    with pytest.raises(UserError, match="holds 2 classes of imagenet, which has 1,000"):
        prepare(imagenet(root=str(tmp_path)))


@pytest.mark.parametrize("kept", [0, 100, 5000, 11000])
def test_a_damaged_archive(kept: int, tmp_path: Path) -> None:
    formats.write_imagenet_tar(tmp_path, {"n01": [(60, 60)] * 2, "n02": [(60, 60)] * 2})
    archive = tmp_path / "ILSVRC2012_img_train.tar"
    os.truncate(archive, kept)
    with pytest.raises(UserError, match=r"damaged|holds 0 classes") as error:
        prepare(imagenet(root=str(tmp_path)))
    assert str(tmp_path) in str(error.value)
