"""What is missing, damaged or changed is refused by name, with the remedy, and kept."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data import (
    ImageData,
    celeba,
    cifar10,
    digits,
    folder,
    imagenet,
    mnist,
    prepare,
    stl10,
    verify,
)
from gan_lightning.errors import UserError
from tests.data import formats
from tests.data.formats import COUNT, data, place


def _add(root: Path) -> None:
    formats.write_folder(root, {"0/new.png": formats.noise(8, 8, 3)})


def _remove(root: Path) -> None:
    (root / "0" / "000.png").unlink()


def _overwrite(root: Path) -> None:
    (root / "0" / "000.png").write_bytes((root / "0" / "004.png").read_bytes())


def _rename(root: Path) -> None:
    (root / "0" / "000.png").rename(root / "1" / "000.png")


@pytest.mark.parametrize("change", [_add, _remove, _overwrite, _rename])
def test_images_that_changed_are_noticed(root: Path, change: object) -> None:
    prepare(data(root))
    change(root)  # type: ignore[operator]
    with pytest.raises(UserError, match="have changed since") as error:
        data(root).prepare_data()
    assert str(place(root)) in str(error.value)
    assert place(root).exists()


def _flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 9)


def _edit(key: str, value: object) -> object:
    def edit(path: Path) -> None:
        manifest = json.loads(path.read_text())
        path.write_text(json.dumps({**manifest, key: value}))

    return edit


@pytest.mark.parametrize(
    ("file", "damage", "message"),
    [
        ("images.npy", _cut, "bytes, its manifest says"),
        ("images.npy", Path.unlink, "No such file"),
        ("labels.npy", _flip_bit, "does not match its manifest"),
        ("labels.npy", _cut, "cannot be read"),
        ("labels.npy", Path.unlink, "No such file"),
        ("manifest.json", _cut, "is not a manifest"),
        ("manifest.json", Path.unlink, "is not a manifest"),
        ("manifest.json", _edit("preprocessing", "crop to 8, colour, v0"), "v0"),
        ("manifest.json", _edit("dataset", "stl10"), "stl10"),
        ("manifest.json", _edit("shape", [COUNT, 8, 8, 1]), "its manifest says uint8"),
    ],
)
def test_what_does_not_match_is_refused_and_kept(
    root: Path, file: str, damage: object, message: str
) -> None:
    prepare(data(root))
    damage(place(root) / file)  # type: ignore[operator]
    for use in (prepare, ImageData.setup, verify):
        with pytest.raises(UserError, match=message) as error:
            use(data(root))
        assert str(place(root)) in str(error.value)
        assert "gan prepare" in str(error.value)
    assert (place(root)).exists()


def test_verifying_reads_every_byte(root: Path) -> None:
    prepare(data(root))
    verify(data(root))
    _flip_bit(place(root) / "images.npy")
    with pytest.raises(UserError, match="checksum"):
        verify(data(root))


def test_an_array_that_shrinks_under_way_is_noticed(root: Path) -> None:
    prepare(data(root))
    prepared = data(root).opened("train")
    _cut(place(root) / "images.npy")
    with pytest.raises(UserError, match="ends before its last image"):
        prepared.rows(np.array([COUNT - 1]))


@pytest.mark.parametrize("dataset", [mnist, cifar10, stl10, celeba, imagenet, folder])
def test_missing_data_names_the_remedy(dataset: type[ImageData], tmp_path: Path) -> None:
    nowhere = tmp_path / "mistyped"
    with pytest.raises(UserError) as error:
        prepare(dataset(root=str(nowhere)))
    assert f"--data.root {nowhere} does not hold" in str(error.value)
    assert ("--data.download true" in str(error.value)) == dataset.downloadable
    assert not nowhere.exists()


@pytest.mark.parametrize("dataset", [imagenet, folder])
def test_what_cannot_be_downloaded_says_so(dataset: type[ImageData]) -> None:
    with pytest.raises(UserError, match=r"--data.download true: .* cannot be downloaded"):
        dataset(download=True)


@pytest.mark.parametrize("file", ["data_batch_3", "batches.meta"])
def test_damaged_files_of_torchvision(
    file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formats.write_cifar10(tmp_path, monkeypatch)
    _flip_bit(tmp_path / "cifar-10-batches-py" / file)
    with pytest.raises(UserError, match=r"--data.root .* could not be read") as error:
        prepare(cifar10(root=str(tmp_path)))
    assert "--data.download true" in str(error.value)


@pytest.mark.parametrize("size", [0, 10, 16 + 5 * 784])
def test_truncated_idx_files(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    formats.write_mnist(tmp_path)
    formats.expect(monkeypatch, mnist, 12, 10)
    os.truncate(tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte", size)
    with pytest.raises(UserError, match="mnist could not be read"):
        prepare(mnist(root=str(tmp_path)))


def test_a_wrong_count_says_both_numbers(tmp_path: Path) -> None:
    formats.write_celeba(tmp_path, count=2)
    with pytest.raises(UserError, match="holds 2 train images of celeba, which has 202,599"):
        prepare(celeba(root=str(tmp_path)))


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


def test_a_split_that_does_not_exist() -> None:
    with pytest.raises(UserError, match="--data digits has no test split"):
        digits().images("test")


def test_a_split_that_is_not_prepared(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="gan prepare"):
        imagenet(root=str(tmp_path)).images("test")
