"""A checkpoint is whole, flushed and verified before it has its name; a damaged one is refused."""

from __future__ import annotations

import errno
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from gan_lightning.checkpoints import io as checkpoint_io
from gan_lightning.checkpoints.compatible import stamp
from gan_lightning.checkpoints.io import AtomicCheckpointIO, damage, load
from gan_lightning.errors import UserError
from tests.conftest import same


def content(value: float = 1.0) -> dict[str, Any]:
    torch.manual_seed(0)
    checkpoint = {"state_dict": {"w": torch.randn(20_000) * value}, "global_step": 3}
    stamp(checkpoint)
    return checkpoint


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "last.ckpt"
    AtomicCheckpointIO().save_checkpoint(content(), path)
    return path


def test_what_was_saved_is_loaded(saved: Path) -> None:
    assert same(AtomicCheckpointIO().load_checkpoint(saved), content())
    assert [path.name for path in saved.parent.iterdir()] == ["last.ckpt"]


def test_file_and_folder_are_flushed_around_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's calls in their order: file to disk, read back, name, folder to disk."""
    calls: list[str] = []

    def watched(module: object, name: str, note: Callable[..., str]) -> None:
        real = getattr(module, name)

        def call(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  (as the watched one)
            result = real(*args, **kwargs)
            calls.append(note(*args))
            return result

        monkeypatch.setattr(module, name, call)

    def kind(handle: int) -> str:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        return "folder" if path.is_dir() else "file"

    watched(os, "fsync", lambda handle: f"fsync {kind(handle)}")
    watched(Path, "replace", lambda old, new: "name")
    watched(checkpoint_io, "archive_damage", lambda path: "read back")
    AtomicCheckpointIO().save_checkpoint(content(), tmp_path / "last.ckpt")
    first = calls.index("name")
    assert calls[:2] == ["fsync file", "read back"]
    assert "fsync folder" not in calls[:first]
    assert calls[first:] == ["name", "fsync folder"]


def test_the_old_one_stays_until_the_new_one_is_verified(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()
    monkeypatch.setattr(checkpoint_io, "archive_damage", lambda path: "is damaged")
    with pytest.raises(UserError, match=r"cannot save .*What was saved before is intact"):
        AtomicCheckpointIO().save_checkpoint(content(2.0), saved)
    assert saved.read_bytes() == before
    assert len(list(saved.parent.iterdir())) == 1


@pytest.mark.parametrize("room", [0, 100, 30_000, 79_000])
def test_a_full_disk_is_one_sentence_and_loses_nothing(saved: Path, room: int) -> None:
    """A limit on the size of files is to a program what a full disk is."""
    resource = pytest.importorskip("resource")
    before = saved.read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, limits[1]))
    try:
        with pytest.raises(UserError, match=r"cannot save .*File too large.* is intact; make room"):
            AtomicCheckpointIO().save_checkpoint(content(2.0), saved)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert saved.read_bytes() == before
    assert len(list(saved.parent.iterdir())) == 1


def test_an_error_of_another_kind_is_no_full_disk(saved: Path) -> None:
    with pytest.raises(Exception, match=r"pickle|local"):
        AtomicCheckpointIO().save_checkpoint({"f": lambda: None}, saved)
    assert damage(saved) is None


def test_every_flipped_bit_of_a_tensor_is_seen(saved: Path) -> None:
    whole = saved.read_bytes()
    with zipfile.ZipFile(saved) as archive:
        (info,) = [i for i in archive.infolist() if i.file_size > 10_000]
    rng = random.Random(0)
    start = whole.index(content()["state_dict"]["w"].numpy().tobytes())
    for _ in range(40):
        flipped = bytearray(whole)
        flipped[start + rng.randrange(info.file_size)] ^= 1 << rng.randrange(8)
        saved.write_bytes(flipped)
        torch.load(saved, weights_only=True)  # torch itself sees nothing
        with pytest.raises(UserError, match=r"is damaged \(the checksum of .* does not match\)"):
            load(saved)


def test_a_flipped_bit_anywhere_is_seen_or_does_no_harm(saved: Path) -> None:
    """In the archive's own records too, of which torch and zipfile read different parts."""
    whole = saved.read_bytes()
    tensor = whole.index(content()["state_dict"]["w"].numpy().tobytes())
    places = [*range(tensor), *range(tensor + 80_000, len(whole))]
    seen = 0
    for place in random.Random(0).sample(places, 300):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << (place % 8)
        saved.write_bytes(flipped)
        if damage(saved) is None:
            assert same(load(saved), content())
        else:
            seen += 1
    assert seen > 50


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "text": lambda whole: b"not a checkpoint\n",
    "half": lambda whole: whole[: len(whole) // 2],
    "all but one byte": lambda whole: whole[:-1],
    "without its beginning": lambda whole: whole[4000:],
    "zeros": lambda whole: bytes(len(whole)),
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_is_one_sentence(saved: Path, how: str) -> None:
    saved.write_bytes(DAMAGES[how](saved.read_bytes()))
    with pytest.raises(UserError, match=r"last\.ckpt is damaged") as error:
        load(saved)
    assert "\n" not in str(error.value)


def foreign(path: Path, what: object) -> Path:
    torch.save(what, path)
    return path


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ([1, 2], "no checkpoint of gan_lightning"),
        ({"a": 1}, "no checkpoint of gan_lightning"),
        ({"state_dict": {}, "global_step": 1}, "saved by gan_lightning 0.1.0 or by another"),
        ({"state_dict": {}, "gan_lightning": {"format": 1}}, "in format 1 of gan_lightning"),
        ({"state_dict": {}, "gan_lightning": {"format": 3}}, "in format 3 of gan_lightning"),
        ({"state_dict": {}, "f": os.system}, "more than tensors and plain values"),
    ],
)
def test_foreign_and_old_checkpoints_are_refused(tmp_path: Path, what: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        load(foreign(tmp_path / "x.ckpt", what))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.ckpt does not exist"):
        load(tmp_path / "nowhere.ckpt")
    assert damage(tmp_path) == "is a folder"


def test_an_unreadable_disk_is_damage(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(zipfile, "ZipFile", broken)
    assert damage(saved) == "is damaged or no checkpoint"
