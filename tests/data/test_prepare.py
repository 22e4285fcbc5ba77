"""Preparing: complete or not at all, once, from what is there now."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data import (
    folder,
    prepare,
    stl10,
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
    monkeypatch.setattr("gan_lightning.data.preparation.blocks.FEW_BLOCKS", 0)
    monkeypatch.setattr("gan_lightning.data.preparation.writing.BLOCK_IMAGES", 7)
    prepare(data(root), processes=1)
    alone = data(root).fingerprint(), data(root).labels()
    shutil.rmtree(place(root))
    prepare(data(root), processes=3)
    assert data(root).fingerprint() == alone[0]
    np.testing.assert_array_equal(data(root).labels(), alone[1])


def test_several_processes_while_a_trainer_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is sent to other processes is small: not the trainer, nor the network."""
    monkeypatch.setattr("gan_lightning.data.preparation.blocks.FEW_BLOCKS", 0)
    monkeypatch.setattr("gan_lightning.data.preparation.writing.BLOCK_IMAGES", 2)
    formats.write_stl10(tmp_path, monkeypatch)
    formats.expect(monkeypatch, stl10, 5, 4)
    attached = stl10(root=str(tmp_path))
    attached.trainer = lambda: None  # type: ignore[assignment]  # cannot be sent
    prepare(attached, processes=2)
    assert attached.images().shape == (5, 3, 48, 48)


def test_a_reader_that_cannot_be_sent_fails_at_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gan_lightning.data.preparation.blocks.FEW_BLOCKS", 0)
    source = data(root).source("train")
    monkeypatch.setattr(folder, "source", lambda *_: replace(source, read=lambda path: path))
    with pytest.raises((AttributeError, pickle.PicklingError)):
        prepare(data(root), processes=2)


def test_what_is_prepared_is_not_touched_again(root: Path) -> None:
    prepare(data(root))
    before = {path: path.stat().st_mtime_ns for path in place(root).iterdir()}
    data(root).prepare_data()
    assert {path: path.stat().st_mtime_ns for path in place(root).iterdir()} == before


def test_the_array_stands_alone_when_the_images_are_gone(root: Path) -> None:
    prepare(data(root))
    before = data(root).fingerprint()
    for number in range(4):
        shutil.rmtree(root / str(number))
    data(root).prepare_data()
    assert data(root).fingerprint() == before


def test_each_size_has_its_own_array(root: Path) -> None:
    prepare(data(root))
    smaller = folder(root=str(root), size=4, batch_size=4)
    prepare(smaller)
    assert smaller.images().shape == (COUNT, 3, 4, 4)
    assert data(root).images().shape == (COUNT, 3, 8, 8)


def test_waits_for_another_process(root: Path, tmp_path: Path) -> None:
    """Two at once: one prepares, the other finds it done."""
    context = multiprocessing.get_context("fork")
    runs = [context.Process(target=prepare, args=(data(root), 2)) for _ in range(3)]
    for run in runs:
        run.start()
    for run in runs:
        run.join()
    assert [run.exitcode for run in runs] == [0, 0, 0]
    verify(data(root))
    assert data(root).images().shape == (COUNT, 3, 8, 8)


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
    assert "--data.prepared_root" in run.stdout
    unlabeled = folder(root=str(root), size=8, batch_size=4)
    assert not unlabeled.prepared_folder("train").exists()
    prepare(unlabeled)
    verify(unlabeled)


def test_read_only_root(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(UserError, match="Read-only file system") as error:
            prepare(data(root))
        assert "--data.prepared_root" in str(error.value)
    elsewhere = data(root, prepared_root=str(tmp_path / "elsewhere"))
    prepare(elsewhere)
    assert elsewhere.images().shape == (COUNT, 3, 8, 8)
    assert not (root / "gan_prepared").exists()


def test_a_prepared_array_needs_no_writing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prepare(data(root))
    monkeypatch.setattr("gan_lightning.data.preparation.preparing.locked", None)
    monkeypatch.setattr("gan_lightning.data.preparation.preparing.write", None)
    data(root).prepare_data()
    data(root).setup()
