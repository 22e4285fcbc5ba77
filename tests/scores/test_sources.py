"""Pixels, files, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gan_lightning.errors import UserError
from gan_lightning.scores.sources import ArrayImages, NoiseImages, read_images
from tests.scores.small import random_images


def test_arrays_are_read_by_index() -> None:
    images = random_images(10)
    block, invalid = ArrayImages(images, np.array([7, 2, 9])).block(1, 3)
    np.testing.assert_array_equal(block, images[[2, 9]])
    assert invalid.tolist() == [0, 0]


def test_noise_is_uniform_and_a_function_of_its_position() -> None:
    noise = NoiseImages((1, 16, 16), 128)
    first, again = noise.block(64, 128)[0], noise.block(64, 128)[0]
    assert torch.equal(first, again)
    assert not torch.equal(first, noise.block(0, 64)[0])
    assert len(first.unique()) == 256
    assert abs(float(first.float().mean()) - 127.5) < 4 * 74 / 16384**0.5


def save(folder: Path, images: np.ndarray) -> None:
    for i, image in enumerate(images):
        path = folder / f"class {i % 2}" / f"{i:03d}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image[0] if image.shape[0] == 1 else image.transpose(1, 2, 0)).save(path)


def as_set(images: np.ndarray) -> set[bytes]:
    return {image.tobytes() for image in images}


@pytest.mark.parametrize("channels", [1, 3])
def test_a_folder_holds_the_images_of_its_subfolders(tmp_path: Path, channels: int) -> None:
    images = np.repeat(random_images(12), channels, axis=1)
    save(tmp_path, images)
    source = read_images(tmp_path, channels)
    assert (len(source), source.image_shape) == (12, (channels, 8, 8))
    assert as_set(source.block(0, 12)[0].numpy()) == as_set(images)


def test_an_npz_file_holds_images_and_labels_in_one_order(tmp_path: Path) -> None:
    images = random_images(12)
    labels = images[:, 0, 0, 0].astype(np.int64)
    path = tmp_path / "images.npz"
    np.savez(path, images=images.transpose(0, 2, 3, 1), labels=labels)
    source = read_images(path, 1)
    block = source.block(0, 12)[0].numpy()
    assert as_set(block) == as_set(images)
    np.testing.assert_array_equal(source.labels, block[:, 0, 0, 0])


def test_an_npz_file_of_adm_holds_the_same(tmp_path: Path) -> None:
    images = random_images(12).transpose(0, 2, 3, 1)
    labels = np.arange(12)
    np.savez(tmp_path / "ours.npz", images=images, labels=labels)
    np.savez(tmp_path / "adm.npz", images, labels)
    ours, adm = (read_images(tmp_path / name, 1) for name in ("ours.npz", "adm.npz"))
    assert torch.equal(ours.block(0, 12)[0], adm.block(0, 12)[0])
    np.testing.assert_array_equal(ours.labels, adm.labels)


def test_files_are_not_read_in_order_of_their_classes(tmp_path: Path) -> None:
    images = np.sort(random_images(64)[:, :, :1, :1], axis=0).repeat(8, 2).repeat(8, 3)
    np.savez(tmp_path / "sorted.npz", images=images.transpose(0, 2, 3, 1))
    first = read_images(tmp_path / "sorted.npz", 1).block(0, 32)[0].float().mean()
    assert abs(first - images.mean()) < 0.5 * abs(images[:32].mean() - images.mean())


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"pictures": np.zeros((2, 8, 8, 3), np.uint8)}, "must have 'images'"),
        ({"images": np.zeros((2, 8, 8, 3), np.float32)}, "is float32"),
        ({"images": np.zeros((2, 3, 8, 8), np.uint8)}, r"shape \(2, 3, 8, 8\)"),
        ({"images": np.zeros((8, 8, 3), np.uint8)}, r"shape \(8, 8, 3\)"),
        (
            {"images": np.zeros((2, 8, 8, 3), np.uint8), "labels": np.zeros(3)},
            "but there are 2 images",
        ),
        (
            {"arr_0": np.zeros((2, 8, 8, 3), np.uint8), "arr_1": np.zeros(2)},
            "'arr_1' of .* is float64",
        ),
        ({"images": np.array([None, "image"])}, "cannot read"),
    ],
)
def test_npz_files_without_proper_images_are_refused(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    path = tmp_path / "wrong.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]  # numpy types the option among the arrays
    with pytest.raises(UserError, match=message):
        read_images(path, 3)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.npz").write_bytes(b"PK no zip")
    with pytest.raises(UserError, match="cannot read"):
        read_images(tmp_path / "broken.npz", 3)
    with pytest.raises(UserError, match="holds no images"):
        read_images(tmp_path, 3)
    with pytest.raises(UserError, match="neither a folder of images nor"):
        read_images(tmp_path / "absent", 3)
    (tmp_path / "broken.png").write_bytes(b"no image")
    with pytest.raises(UserError, match=r"broken\.png"):
        read_images(tmp_path, 3)


def test_a_folder_of_images_of_different_sizes_is_refused(tmp_path: Path) -> None:
    save(tmp_path, random_images(4))
    Image.new("L", (9, 8)).save(tmp_path / "wide.png")
    with pytest.raises(UserError, match="one size"):
        read_images(tmp_path, 1).block(0, 5)
