"""Preparing: once, from what is there now, by one process at a time."""

from __future__ import annotations

import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gan_lightning.data import (
    ImageData,
    celeba,
    cifar10,
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


def _flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _add(root: Path) -> None:
    formats.write_folder(root, {"0/new.png": formats.noise(8, 8, 3)})


def _remove(root: Path) -> None:
    (root / "0" / "000.png").unlink()


def _overwrite(root: Path) -> None:
    (root / "0" / "000.png").write_bytes((root / "0" / "004.png").read_bytes())


def _rename(root: Path) -> None:
    (root / "0" / "000.png").rename(root / "1" / "000.png")


@pytest.mark.parametrize("change", [_add, _remove, _overwrite, _rename])
def test_images_that_changed_are_noticed(root: Path, change: Callable[[Path], None]) -> None:
    prepare(data(root))
    change(root)
    with pytest.raises(UserError, match="have changed since") as error:
        data(root).prepare_data()
    assert str(place(root)) in str(error.value)
    assert place(root).exists()


def test_verifying_reads_every_byte(root: Path) -> None:
    prepare(data(root))
    verify(data(root))
    _flip_bit(place(root) / "images.npy")
    with pytest.raises(UserError, match="checksum"):
        verify(data(root))


@pytest.mark.parametrize("dataset", [mnist, cifar10, stl10, celeba, imagenet, folder])
def test_missing_data_names_the_remedy(dataset: type[ImageData], tmp_path: Path) -> None:
    nowhere = tmp_path / "mistyped"
    with pytest.raises(UserError) as error:
        prepare(dataset(root=str(nowhere)))
    assert f"root {nowhere} does not hold" in str(error.value)
    assert ("`download` true" in str(error.value)) == dataset.downloadable
    assert not nowhere.exists()


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


def test_read_only_root(root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(30, "Read-only file system")

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        patch.setattr(Path, "mkdir", refuse)
        with pytest.raises(UserError, match="Read-only file system") as error:
            prepare(data(root))
        assert "`prepared_root`" in str(error.value)
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
