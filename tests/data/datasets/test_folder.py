"""Folders of images: pixels, classes, held-out images."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from gan_lightning.data import (
    folder,
    prepare,
)
from gan_lightning.errors import UserError
from gan_lightning.extractors.train_classifier import train_extractor
from tests.conftest import Gan
from tests.data import formats
from tests.data.formats import COUNT, data
from tests.data.reference import ready, square


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


def test_classes_of_a_folder(root: Path) -> None:
    data(root).prepare_data()
    assert folder(root=str(root), size=8).labels() is None
    with pytest.raises(UserError, match=r"^num_classes 3 .* 4 classes"):
        folder(root=str(root), size=8, num_classes=3).setup()


def test_classes_have_the_names_of_their_folders(tmp_path: Path) -> None:
    """In the order of their labels, also where none of a class's images can be used, or moved."""
    images = {f"{name}/x.png": formats.noise(8, 8, 3) for name in ("zebra", "ant", "cat")}
    formats.write_folder(tmp_path / "zoo", images)
    (tmp_path / "zoo" / "zebra" / "x.png").write_bytes(b"bad")
    prepare(folder(root=str(tmp_path / "zoo"), size=8, num_classes=3, skip_bad=True))
    for name in ("zebra", "ant", "cat"):
        shutil.rmtree(tmp_path / "zoo" / name)
    zoo = folder(root=str(tmp_path / "zoo"), size=8, num_classes=3)
    assert zoo.class_names == ("ant", "cat", "zebra")
    np.testing.assert_array_equal(zoo.labels(), [0, 1])
    assert folder(root=str(tmp_path / "zoo"), size=8).class_names is None


def test_images_beside_the_class_folders_leave_no_classes(root: Path) -> None:
    formats.write_folder(root, {"beside.png": formats.noise(8, 8, 3)})
    prepare(data(root))
    with pytest.raises(UserError, match=r"^num_classes 4 .* 0 classes"):
        data(root).setup()


def test_held_out_folder(root: Path, tmp_path: Path) -> None:
    formats.write_folder(
        tmp_path / "held", {f"{i}/x.png": formats.noise(8, 8, 3, seed=i) for i in (1, 3)}
    )
    held = data(root, held_out=str(tmp_path / "held"))
    prepare(held)
    np.testing.assert_array_equal(
        held.images("test")[1].transpose(1, 2, 0), formats.noise(8, 8, 3, seed=3)
    )
    np.testing.assert_array_equal(held.labels("test"), [1, 3])


def test_held_out_classes_must_be_known(root: Path, tmp_path: Path) -> None:
    formats.write_folder(tmp_path / "held", {"zebra/x.png": formats.noise(8, 8, 3)})
    with pytest.raises(UserError, match="zebra"):
        prepare(data(root, held_out=str(tmp_path / "held")))


def test_a_mistyped_folder_of_held_out_images_is_not_ignored(
    root: Path, tmp_path: Path, gan: Gan, caplog: pytest.LogCaptureFixture
) -> None:
    typed = str(tmp_path / "hold")
    with pytest.raises(UserError, match=rf"^held_out {typed} does not hold any image"):
        prepare(data(root, held_out=typed))
    with pytest.raises(UserError, match=rf"^held_out {typed} does not hold"):
        train_extractor(data(root, held_out=typed), str(tmp_path / "x.safetensors"))
    images = [
        "--data=folder",
        f"--data.root={root}",
        "--data.size=8",
        "--trainer.limit_val_batches=0",
    ]
    with pytest.raises(UserError, match=rf"^--data\.held_out {typed} does not hold"):
        gan(*images, f"--data.held_out={typed}")
    formats.write_folder(tmp_path / "held", {"1/x.png": formats.noise(8, 8, 3)})
    prepare(data(root, held_out=str(tmp_path / "held")))
    assert "nothing is there" not in caplog.text
    prepare(data(root, held_out=typed))  # may have been moved away since
    assert f"held_out {typed}: nothing is there; what was prepared before is used" in caplog.text


@pytest.mark.parametrize("inside", [".", "0", ".."])
def test_held_out_images_must_not_be_trained_on(root: Path, inside: str) -> None:
    with pytest.raises(UserError, match=r"^held_out"):
        data(root, held_out=str(root / inside))


def test_hidden_prepared_and_other_files_are_left_alone(root: Path) -> None:
    prepare(data(root))
    formats.write_folder(root, {".hidden/x.png": formats.noise(8, 8, 3)})
    (root / "0" / ".DS_Store.png").write_bytes(b"x")
    (root / "0" / "notes.txt").write_text("x")
    formats.write_folder(root / "gan_prepared", {"x.png": formats.noise(8, 8, 3)})
    assert len(data(root).files("train")) == COUNT
    data(root).prepare_data()


def test_links_are_followed_but_not_in_circles(root: Path, tmp_path: Path) -> None:
    formats.write_folder(tmp_path / "far", {"x.png": formats.noise(8, 8, 3)})
    (root / "linked").symlink_to(tmp_path / "far")
    (root / "0" / "back").symlink_to(root)
    assert len(data(root).files("train")) == COUNT + 1


def test_each_size_has_its_own_array(root: Path) -> None:
    prepare(data(root))
    smaller = folder(root=str(root), size=4, batch_size=4)
    prepare(smaller)
    assert smaller.images().shape == (COUNT, 3, 4, 4)
    assert data(root).images().shape == (COUNT, 3, 8, 8)
