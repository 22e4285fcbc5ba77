"""Preparing again: only what changed is read, and what comes out is as if all had been."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gan_lightning.data import folder, prepare, verify
from gan_lightning.data.datasets import folder as module
from gan_lightning.errors import UserError
from tests.data import formats
from tests.data.formats import COUNT, data, place


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the images that are read from their files."""
    names: list[str] = []
    original = module.read_image

    def noting(path: Path, **options: Any) -> formats.Pixels:
        names.append(path.name)
        return original(path, **options)

    monkeypatch.setattr(module, "read_image", noting)
    return names


def fresh(root: Path, elsewhere: Path, **options: object) -> folder:
    """Prepares the same images in another place, from the beginning."""
    other = data(root, prepared_root=str(elsewhere), **options)
    prepare(other)
    return other


def assert_same(one: folder, two: folder) -> None:
    verify(one)
    assert one.fingerprint() == two.fingerprint()
    np.testing.assert_array_equal(one.labels(), two.labels())


def touch(root: Path) -> None:
    (root / "0" / "000.png").touch()


def overwrite(root: Path) -> None:
    formats.write_folder(root, {"0/000.png": formats.noise(8, 8, 3, seed=999)})


def add(root: Path) -> None:
    formats.write_folder(root, {"0/000a.png": formats.noise(8, 8, 3, seed=999)})


def remove(root: Path) -> None:
    (root / "0" / "000.png").unlink()


def move(root: Path) -> None:
    (root / "0" / "000.png").rename(root / "1" / "000.png")


@pytest.mark.parametrize(
    ("change", "again"),
    [
        (touch, ["000.png"]),
        (overwrite, ["000.png"]),
        (add, ["000a.png"]),
        (remove, []),
        (move, ["000.png"]),
        (lambda _: None, []),
    ],
)
def test_only_what_changed_is_read(
    root: Path, tmp_path: Path, read: list[str], change: Callable[[Path], None], again: list[str]
) -> None:
    prepare(data(root))
    assert len(read) == COUNT
    change(root)
    read.clear()
    prepare(data(root), again=True)
    assert read == again
    assert_same(data(root), fresh(root, tmp_path / "fresh"))
    assert [path.name for path in place(root).parent.iterdir() if path.is_dir()] == ["train"]


def test_twice_in_one_process(root: Path, tmp_path: Path) -> None:
    """The second time takes from the second array, not from the first."""
    prepare(data(root))
    for change in (overwrite, add):
        change(root)
        prepare(data(root), again=True)
    assert_same(data(root), fresh(root, tmp_path / "fresh"))


def test_a_damaged_array_is_not_taken_from(root: Path, tmp_path: Path, read: list[str]) -> None:
    prepare(data(root))
    images = place(root) / "images.npy"
    content = bytearray(images.read_bytes())
    content[-1] ^= 1
    images.write_bytes(content)
    read.clear()
    prepare(data(root), again=True)
    assert len(read) == COUNT
    assert_same(data(root), fresh(root, tmp_path / "fresh"))


@pytest.mark.parametrize("file", ["manifest.json", "states.npy", "images.npy"])
def test_without_one_of_its_files_everything_is_read(
    root: Path, read: list[str], file: str
) -> None:
    prepare(data(root))
    (place(root) / file).unlink()
    read.clear()
    prepare(data(root), again=True)
    assert len(read) == COUNT
    verify(data(root))


def test_another_preprocessing_is_not_taken_over(
    root: Path, read: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(data(root))
    manifest = json.loads((place(root) / "manifest.json").read_text())
    manifest["preprocessing"] = "crop to 8, colour, v0"
    (place(root) / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(UserError, match=r"v0.*gan prepare.*`again` true"):
        prepare(data(root))
    read.clear()
    prepare(data(root), again=True)
    assert len(read) == COUNT


def test_bad_images_stay_left_out_until_they_are_mended(
    root: Path, tmp_path: Path, read: list[str]
) -> None:
    (root / "1" / "001.png").write_bytes(b"bad")
    prepare(data(root, skip_bad=True))
    assert len(data(root).images()) == COUNT - 1
    formats.write_folder(root, {"1/001.png": formats.noise(8, 8, 3, seed=1)})
    read.clear()
    prepare(data(root), again=True)
    assert read == ["001.png"]
    assert_same(data(root), fresh(root, tmp_path / "fresh"))


def test_killed_between_the_two_names(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The old array has given its name away, the new one has not taken it yet."""
    prepare(data(root))
    overwrite(root)
    rename, left = Path.rename, 1

    def once(self: Path, target: Path) -> Path:
        nonlocal left
        if left == 0:
            raise KeyboardInterrupt
        left -= 1
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", once)
        with pytest.raises(KeyboardInterrupt):
            prepare(data(root), again=True)
    assert not place(root).exists()
    prepare(data(root))
    assert_same(data(root), fresh(root, tmp_path / "fresh"))
    assert [path.name for path in place(root).parent.iterdir() if path.is_dir()] == ["train"]


def test_a_replaced_array_that_was_left_behind_goes(root: Path) -> None:
    prepare(data(root))
    left = place(root).with_name("train.old")
    for again in (False, True):
        (left / "more").mkdir(parents=True)
        prepare(data(root), again=again)
        assert not left.exists()
    verify(data(root))


def test_again_without_the_files_keeps_the_array(root: Path) -> None:
    prepare(data(root))
    root.rename(root.with_name("away"))
    (root / "gan_prepared").parent.mkdir()
    (root.with_name("away") / "gan_prepared").rename(root / "gan_prepared")
    with pytest.raises(UserError, match="does not hold any image"):
        prepare(data(root), again=True)
    assert len(data(root).images()) == COUNT
