"""Folders of images: classes, held-out images, and options."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data import (
    folder,
    prepare,
)
from gan_lightning.errors import UserError
from tests.data import formats
from tests.data.formats import COUNT, data


def test_classes_of_a_folder(root: Path) -> None:
    data(root).prepare_data()
    assert folder(root=str(root), size=8).labels() is None
    with pytest.raises(UserError, match=r"--data.num_classes 3 .* 4 classes"):
        folder(root=str(root), size=8, num_classes=3).setup()


def test_images_beside_the_class_folders_leave_no_classes(root: Path) -> None:
    formats.write_folder(root, {"beside.png": formats.noise(8, 8, 3)})
    prepare(data(root))
    with pytest.raises(UserError, match=r"--data.num_classes 4 .* 0 classes"):
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


@pytest.mark.parametrize("inside", [".", "0", ".."])
def test_held_out_images_must_not_be_trained_on(root: Path, inside: str) -> None:
    with pytest.raises(UserError, match=r"--data.held_out"):
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


@pytest.mark.parametrize(
    ("option", "value"),
    [("batch_size", 0), ("num_workers", -1), ("seed", -1), ("num_predict", 0), ("size", 0)],
)
def test_options_out_of_range(option: str, value: int) -> None:
    with pytest.raises(UserError, match=f"--data.{option} {value}"):
        folder(**{option: value})  # type: ignore[arg-type]


def test_fewer_images_than_a_batch(root: Path) -> None:
    few = folder(root=str(root), size=8, batch_size=COUNT + 1)
    few.prepare_data()
    with pytest.raises(UserError, match=f"--data.batch_size {COUNT + 1} .* the {COUNT} images"):
        few.setup()


def test_opening_reads_no_pixels(tmp_path: Path) -> None:
    """A sparse array of the size of ILSVRC2012 opens at once."""
    images = {"0/a.png": formats.noise(8, 8, 3)}
    formats.write_folder(tmp_path, images)
    one = folder(root=str(tmp_path), size=8, batch_size=1)
    prepare(one)
    home = one.prepared_folder("train")
    shape = (1_281_167, 128, 128, 3)
    np.lib.format.open_memmap(home / "images.npy", "w+", np.uint8, shape)
    manifest = json.loads((home / "manifest.json").read_text())
    manifest |= {"shape": shape, "bytes": (home / "images.npy").stat().st_size}
    manifest["labels_sha256"] = None
    (home / "manifest.json").write_text(json.dumps(manifest))
    began = time.perf_counter()
    one.setup()
    assert one.images().shape == (1_281_167, 3, 128, 128)
    assert time.perf_counter() - began < 1
