"""Writing: complete or not at all, without what is bad, the same by any number of processes."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data import (
    folder,
    prepare,
    verify,
)
from gan_lightning.errors import UserError
from tests.data import formats
from tests.data.formats import COUNT, data, place


def test_a_prepared_folder_says_what_it_is(root: Path) -> None:
    prepare(data(root), processes=1)
    manifest = json.loads((place(root) / "manifest.json").read_text())
    assert manifest["shape"] == [COUNT, 8, 8, 3]
    assert manifest["dataset"] == "folder"
    assert manifest["preprocessing"] == "crop to 8, colour, v1"
    sums = subprocess.run(
        ["sha256sum", place(root) / "images.npy"], capture_output=True, check=True, text=True
    )
    assert manifest["sha256"] == sums.stdout.split()[0]
    assert manifest["sha256"] in data(root).fingerprint()
    assert {path.name for path in place(root).iterdir()} == {
        "images.npy",
        "labels.npy",
        "manifest.json",
        "states.npy",
    }
    assert not list(place(root).parent.glob("*.part"))


def test_the_array_is_plain_numpy(root: Path) -> None:
    prepare(data(root))
    images = np.load(place(root) / "images.npy")
    np.testing.assert_array_equal(images.transpose(0, 3, 1, 2), data(root).images())
    np.testing.assert_array_equal(np.load(place(root) / "labels.npy"), data(root).labels())


def test_several_processes_write_the_same_bytes(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gan_lightning.data.preparation.reading.FEW_BLOCKS", 0)
    monkeypatch.setattr("gan_lightning.data.preparation.writing.BLOCK_IMAGES", 7)
    prepare(data(root), processes=1)
    alone = data(root).fingerprint(), data(root).labels()
    shutil.rmtree(place(root))
    prepare(data(root), processes=3)
    assert data(root).fingerprint() == alone[0]
    np.testing.assert_array_equal(data(root).labels(), alone[1])


def test_space_is_checked_first(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10**9, 10**9, 1000))
    with pytest.raises(UserError, match=r"needs \d+ MB, the disk has 0 MB free"):
        prepare(data(root))
    assert not place(root).exists()
    monkeypatch.undo()
    prepare(data(root))
    verify(data(root))


FULL_DISK = """
import resource, sys
from gan_lightning.data import folder, prepare
from gan_lightning.errors import UserError
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, resource.RLIM_INFINITY))
try:
    prepare(folder(root=sys.argv[1], size=8, batch_size=4), processes=int(sys.argv[2]))
except UserError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("processes", [1, 2])
def test_a_write_that_fails_under_way(root: Path, processes: int) -> None:
    """A limit on the size of files fails writes in the middle, as a full disk does."""
    command = [sys.executable, "-c", FULL_DISK, str(root), str(processes)]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "could not be written" in run.stdout
    assert "`prepared_root`" in run.stdout
    unlabeled = folder(root=str(root), size=8, batch_size=4)
    assert not unlabeled.prepared_folder("train").exists()
    prepare(unlabeled)
    verify(unlabeled)


GOOD = 10


@pytest.fixture
def few(tmp_path: Path) -> Path:
    images = {f"{i:02}.png": formats.noise(8, 8, 3, seed=i) for i in range(GOOD)}
    formats.write_folder(tmp_path / "few", images)
    return tmp_path / "few"


def alone(root: Path, skip_bad: bool = False) -> folder:
    return folder(root=str(root), size=8, batch_size=2, skip_bad=skip_bad)


def test_a_bad_image_stops_with_its_name(few: Path) -> None:
    bad = few / "05_bad.png"
    bad.write_bytes(b"bad")
    with pytest.raises(UserError, match="cannot be decoded") as error:
        prepare(alone(few))
    assert str(bad) in str(error.value)
    assert "`skip_bad` true" in str(error.value)
    assert not alone(few).prepared_folder("train").exists()
    bad.unlink()
    prepare(alone(few))
    assert len(alone(few).images()) == GOOD


def test_bad_images_can_be_left_out(few: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The good ones stay in their order."""
    (few / "05_bad.png").write_bytes(b"bad")
    (few / "06_link.png").symlink_to(few / "nowhere.png")
    os.mkfifo(few / "10_pipe.png")
    with caplog.at_level(logging.WARNING):
        prepare(alone(few, skip_bad=True))
    assert f"3 of {GOOD + 3} images were left out" in caplog.text
    home = alone(few).prepared_folder("train")
    skipped = json.loads((home / "manifest.json").read_text())["skipped"]
    assert {Path(name).name for name in skipped} == {"05_bad.png", "06_link.png", "10_pipe.png"}
    assert all(Path(name).name in caplog.text for name in skipped)
    good = np.stack([formats.noise(8, 8, 3, seed=i) for i in range(GOOD)])
    np.testing.assert_array_equal(alone(few).images().transpose(0, 2, 3, 1), good)


@pytest.mark.parametrize("bad", [[0], [9], [0, 9], [3, 4, 5], [0, 1, 2, 3, 4, 5, 6, 7, 8]])
def test_labels_stay_with_their_images(
    tmp_path: Path, bad: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever are bad: image i of class i is as bright as its class."""
    monkeypatch.setattr("gan_lightning.data.preparation.writing.BLOCK_IMAGES", 3)
    images = {f"{i}/x.png": np.full((8, 8, 3), 20 * i, np.uint8) for i in range(10)}
    formats.write_folder(tmp_path, images)
    for i in bad:
        (tmp_path / f"{i}" / "x.png").write_bytes(b"bad")
    good = [i for i in range(10) if i not in bad]
    prepared = folder(root=str(tmp_path), size=8, batch_size=1, skip_bad=True, num_classes=10)
    prepare(prepared)
    labels = prepared.labels()
    assert labels is not None
    assert labels.tolist() == good
    np.testing.assert_array_equal(prepared.images()[:, 0, 0, 0], 20 * labels)
    np.testing.assert_array_equal(np.load(prepared.prepared_folder("train") / "labels.npy"), labels)


def test_nothing_but_bad_images(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(b"bad")
    with pytest.raises(UserError, match="no image that can be used") as error:
        prepare(alone(tmp_path, skip_bad=True))
    assert str(tmp_path / "x.png") in str(error.value)


def test_deciding_later_about_bad_images(few: Path) -> None:
    (few / "05.png").write_bytes(b"bad")
    with pytest.raises(UserError, match=r"05\.png"):
        prepare(alone(few))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gan_lightning.data.preparation.writing.Part.finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(alone(few, skip_bad=True))
    with pytest.raises(UserError, match=r"05\.png"):
        prepare(alone(few))
    prepare(alone(few, skip_bad=True))
    assert len(alone(few).images()) == GOOD - 1


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
