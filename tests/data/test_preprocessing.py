"""Each dataset, pixel by pixel, from its real format on disk against a few lines of numpy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from gan_lightning.data import ImageData, celeba, cifar10, digits, folder, imagenet, mnist, stl10
from gan_lightning.data.preparation.resampling import bilinear, halve
from tests.data import formats
from tests.data.formats import Pixels


def ready(data: ImageData) -> ImageData:
    data.prepare_data()
    data.setup()
    return data


def mean_of_squares(image: Pixels) -> NDArray[np.float64]:
    """2x2 means of (H, W, C), half rounded up."""
    x = image.astype(np.float64)
    mean: NDArray[np.float64] = (x[::2, ::2] + x[1::2, ::2] + x[::2, 1::2] + x[1::2, 1::2]) / 4
    return np.floor(mean + 0.5)


def interpolation(length: int, size: int) -> NDArray[np.float64]:
    """The (size, length) matrix of linear interpolation between pixel centres."""
    centres = np.clip((np.arange(size) + 0.5) * length / size - 0.5, 0, length - 1)
    weights: NDArray[np.float64] = 1 - np.abs(centres[:, None] - np.arange(length))
    return np.where(weights > 0, weights, 0)


def interpolated(image: Pixels, size: int) -> NDArray[np.float64]:
    """Bilinear interpolation of (H, W, C), half rounded up."""
    down, across = (interpolation(length, size) for length in image.shape[:2])
    rows = np.einsum("yh,hwc->ywc", down, image)
    mixed: NDArray[np.float64] = np.einsum("xw,ywc->yxc", across, rows)
    return np.floor(mixed + 0.5)


def square(image: Pixels) -> Pixels:
    height, width = image.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def chw(image: NDArray[np.float64]) -> NDArray[np.float64]:
    return image.transpose(2, 0, 1)


def test_mnist_is_the_idx_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = formats.write_mnist(tmp_path)
    formats.expect(monkeypatch, mnist, 12, 10)
    data = ready(mnist(root=str(tmp_path), batch_size=2))
    for split in data.splits:
        np.testing.assert_array_equal(data.images(split)[:, 0], made[split][0])
        np.testing.assert_array_equal(data.labels(split), made[split][1])


def test_cifar10_is_the_pickles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = formats.write_cifar10(tmp_path, monkeypatch)
    formats.expect(monkeypatch, cifar10, 20, 4)
    monkeypatch.setattr(cifar10, "num_classes", 10)
    data = ready(cifar10(root=str(tmp_path), batch_size=2))
    for split in data.splits:
        rows, labels = made[split]
        np.testing.assert_array_equal(data.images(split).reshape(len(rows), -1), rows)
        np.testing.assert_array_equal(data.labels(split), labels)


def test_stl10_is_the_unlabeled_binaries_halved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = formats.write_stl10(tmp_path, monkeypatch)
    formats.expect(monkeypatch, stl10, 5, 4)
    data = ready(stl10(root=str(tmp_path), batch_size=2))
    for split in data.splits:
        for image, columns_first in zip(data.images(split), made[split], strict=True):
            upright = columns_first.transpose(2, 1, 0)  # (C, W, H) to (H, W, C)
            np.testing.assert_array_equal(image, chw(mean_of_squares(upright)))
        assert data.labels(split) is None


def test_celeba_is_cropped_at_top_45_left_25_and_halved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded = formats.write_celeba(tmp_path)
    formats.expect(monkeypatch, celeba, 3, 0)
    data = ready(celeba(root=str(tmp_path), batch_size=2))
    for image, face in zip(data.images(), decoded, strict=True):
        np.testing.assert_array_equal(image, chw(mean_of_squares(face[45:173, 25:153])))


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


def test_digits_are_scaled_and_interpolated() -> None:
    data = ready(digits())
    assert data.images().shape == (1797, *digits.image_shape)
    grey = np.round(load_digits().images[..., None] * (255 / 16)).astype(np.uint8)
    for image, original in zip(data.images()[::50], grey[::50], strict=True):
        np.testing.assert_array_equal(image, chw(interpolated(original, 16)))
    np.testing.assert_array_equal(data.labels(), load_digits().target)


@pytest.mark.parametrize("shape", [(40, 60), (60, 40), (32, 32), (20, 25)])
def test_folder_crops_or_squeezes(tmp_path: Path, shape: tuple[int, int]) -> None:
    original = formats.smooth(*shape)
    formats.write_folder(tmp_path / "a", {"x.png": original})
    middle = Image.fromarray(square(original)).resize((32, 32), Image.Resampling.BILINEAR)
    whole = Image.fromarray(original).resize((32, 32), Image.Resampling.BILINEAR)
    crop = ready(folder(root=str(tmp_path / "a"), size=32, batch_size=1))
    np.testing.assert_array_equal(crop.images()[0].transpose(1, 2, 0), np.asarray(middle))
    resize = ready(folder(root=str(tmp_path / "a"), size=32, batch_size=1, fit="resize"))
    np.testing.assert_array_equal(resize.images()[0].transpose(1, 2, 0), np.asarray(whole))


def test_folder_of_the_right_size_is_unchanged(tmp_path: Path) -> None:
    originals = {f"{i}.png": formats.noise(24, 24, 3, seed=i) for i in range(3)}
    formats.write_folder(tmp_path, originals)
    data = ready(folder(root=str(tmp_path), size=24, batch_size=1))
    np.testing.assert_array_equal(
        data.images().transpose(0, 2, 3, 1), np.stack(list(originals.values()))
    )


def test_grey_is_the_luma(tmp_path: Path) -> None:
    original = formats.noise(16, 16, 3)
    formats.write_folder(tmp_path, {"x.png": original})
    data = ready(folder(root=str(tmp_path), size=16, batch_size=1, colour="grey"))
    assert data.image_shape == (1, 16, 16)
    luma = original @ np.array([0.299, 0.587, 0.114])  # ITU-R 601-2
    assert np.abs(data.images()[0, 0] - luma).max() <= 0.51


def test_halving_rounds_half_up() -> None:
    for total, mean in ((0, 0), (1, 0), (2, 1), (3, 1), (4, 1), (1018, 255), (1017, 254)):
        first = min(total, 255)
        rest = [min(max(total - 255 * k, 0), 255) for k in (1, 2, 3)]
        squares = np.array([first, *rest], np.uint8).reshape(2, 2, 1)
        assert halve(squares).item() == mean


def test_bilinear_at_one_half_is_halving() -> None:
    image = formats.noise(64, 64, 3)
    np.testing.assert_array_equal(bilinear(image, 32), halve(image))
    np.testing.assert_array_equal(bilinear(image, 64), image)
