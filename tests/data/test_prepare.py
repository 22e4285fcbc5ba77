"""Preparing: complete or not at all, once, from what is there now."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import shutil
import subprocess
import sys
import time
from collections import namedtuple
from dataclasses import replace
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

COUNT = 200


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder of more images than one block holds, in four classes."""
    images = {f"{i % 4}/{i:03}.png": formats.noise(8, 8, 3, seed=i) for i in range(COUNT)}
    formats.write_folder(tmp_path / "images", images)
    return tmp_path / "images"


def data(root: Path, **options: object) -> folder:
    return folder(root=str(root), size=8, num_classes=4, batch_size=4, **options)  # type: ignore[arg-type]


def place(root: Path) -> Path:
    return data(root).prepared_folder("train")


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
    monkeypatch.setattr("gan_lightning.data.blocks.FEW_BLOCKS", 0)
    monkeypatch.setattr("gan_lightning.data.writing.BLOCK_IMAGES", 7)
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
    monkeypatch.setattr("gan_lightning.data.blocks.FEW_BLOCKS", 0)
    monkeypatch.setattr("gan_lightning.data.writing.BLOCK_IMAGES", 2)
    formats.write_stl10(tmp_path, monkeypatch)
    formats.expect(monkeypatch, stl10, 5, 4)
    attached = stl10(root=str(tmp_path))
    attached.trainer = lambda: None  # type: ignore[assignment]  # cannot be sent
    prepare(attached, processes=2)
    assert attached.images().shape == (5, 3, 48, 48)


def test_a_reader_that_cannot_be_sent_fails_at_once(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gan_lightning.data.blocks.FEW_BLOCKS", 0)
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


def test_each_size_has_its_own_array(root: Path) -> None:
    prepare(data(root))
    smaller = folder(root=str(root), size=4, batch_size=4)
    prepare(smaller)
    assert smaller.images().shape == (COUNT, 3, 4, 4)
    assert data(root).images().shape == (COUNT, 3, 8, 8)


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
    with pytest.raises(UserError, match=r"needs .* GiB, the disk has 0.00 GiB free"):
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
    monkeypatch.setattr("gan_lightning.data.preparing.locked", None)
    monkeypatch.setattr("gan_lightning.data.preparing.write", None)
    data(root).prepare_data()
    data(root).setup()


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
