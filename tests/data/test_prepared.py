"""A prepared array: what does not match its manifest is refused by name, and kept."""

from __future__ import annotations

import json
import os
import pickle
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data import (
    ImageData,
    folder,
    prepare,
    verify,
)
from gan_lightning.data.prepared import Prepared
from gan_lightning.errors import UserError
from gan_lightning.streams import stream
from tests.data import formats
from tests.data.formats import COUNT, data, place


def _flip_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def _cut(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 9)


def _edit(key: str, value: object) -> Callable[[Path], None]:
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
        ("labels.npy", _cut, "does not match its manifest"),
        ("labels.npy", Path.unlink, "No such file"),
        ("manifest.json", _cut, "is not a manifest"),
        ("manifest.json", Path.unlink, "is not a manifest"),
        ("manifest.json", _edit("preprocessing", "crop to 8, colour, v0"), "v0"),
        ("manifest.json", _edit("dataset", "stl10"), "stl10"),
        ("manifest.json", _edit("shape", [COUNT, 8, 8, 1]), "its manifest says uint8"),
    ],
)
def test_what_does_not_match_is_refused_and_kept(
    root: Path, file: str, damage: Callable[[Path], None], message: str
) -> None:
    prepare(data(root))
    damage(place(root) / file)
    for use in (prepare, ImageData.setup, verify):
        with pytest.raises(UserError, match=message) as error:
            use(data(root))
        assert str(place(root)) in str(error.value)
        assert "gan prepare" in str(error.value)
    assert (place(root)).exists()


def test_an_array_that_shrinks_under_way_is_noticed(root: Path) -> None:
    prepare(data(root))
    prepared = data(root).opened("train")
    _cut(place(root) / "images.npy")
    with pytest.raises(UserError, match="ends before its last image"):
        prepared.rows(np.array([COUNT - 1]))


def test_opening_reads_no_pixels(tmp_path: Path) -> None:
    """A sparse array of the size of ILSVRC2012 opens at once."""
    images = {"0/a.png": formats.noise(8, 8, 3)}
    formats.write_folder(tmp_path, images)
    one = folder(root=str(tmp_path), size=128, batch_size=1)
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


def test_a_worker_maps_the_array_instead_of_receiving_it(root: Path) -> None:
    prepare(data(root))
    prepared = data(root).opened("train")
    rows = prepared.rows(np.array([3, 1]))
    sent = pickle.dumps(prepared)
    assert len(sent) < prepared.images.nbytes / 10
    np.testing.assert_array_equal(pickle.loads(sent).rows(np.array([3, 1])), rows)


def test_reading_rows_does_not_grow_the_process(tmp_path: Path) -> None:
    """300 MB read out of an array of 63 GB (a sparse file) leaves nothing behind."""
    path = tmp_path / "images.npy"
    np.lib.format.open_memmap(path, "w+", np.uint8, (1_281_167, 128, 128, 3))
    prepared = Prepared(np.load(path, mmap_mode="r"), None, "", path)
    before = _resident_bytes()
    for position in range(100):
        prepared.rows(stream(0, "batch", position).integers(0, len(prepared.images), 64))
    assert _resident_bytes() - before < 30e6


def _resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
