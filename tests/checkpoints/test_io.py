"""A checkpoint is whole, flushed and verified before it has its name; a damaged one is refused."""

from __future__ import annotations

import errno
import io
import os
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import pytest
import torch

from gan_lightning.checkpoints import io as checkpoint_io
from gan_lightning.checkpoints.compatible import stamp
from gan_lightning.checkpoints.io import AtomicCheckpointIO, damage, read_checkpoint
from gan_lightning.errors import UserError
from tests.checkpoints.made import MakesAFolder, as_of_a_gpu
from tests.conftest import same


def content(value: float = 1.0) -> dict[str, Any]:
    torch.manual_seed(0)
    checkpoint = {"state_dict": {"w": torch.randn(20_000) * value}, "global_step": 3}
    stamp(checkpoint)
    return checkpoint


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "run" / "last.ckpt"
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


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "empty": lambda whole: b"",
    "text": lambda whole: b"not a checkpoint\n",
    "half": lambda whole: whole[: len(whole) // 2],
    "all but one byte": lambda whole: whole[:-1],
    "without its beginning": lambda whole: whole[4000:],
    "zeros": lambda whole: bytes(len(whole)),
    "another block": lambda whole: whole[:8192] + bytes(512) + whole[8704:],
    "one bit": lambda whole: whole[:40_000] + bytes([whole[40_000] ^ 1]) + whole[40_001:],
}


@pytest.mark.parametrize("how", DAMAGES)
def test_a_damaged_file_is_one_sentence(saved: Path, how: str) -> None:
    saved.write_bytes(DAMAGES[how](saved.read_bytes()))
    fault = damage(saved)
    assert str(fault).startswith("is damaged")
    with pytest.raises(UserError) as error:
        read_checkpoint(saved)
    assert str(error.value) == f"{saved} {fault}; use another checkpoint, such as `ckpt_path` last"


@pytest.mark.parametrize("how", DAMAGES)
def test_the_old_one_stays_where_the_disk_does_not_hold_what_was_written(
    saved: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """The new one is read back before it has the name; what it lacks is an error of the disk."""
    before, write, copy = saved.read_bytes(), torch.save, saved.parents[1] / "copy"

    def written(checkpoint: object, file: IO[bytes]) -> None:
        right = io.BytesIO()
        write(checkpoint, right)
        copy.write_bytes(DAMAGES[how](right.getvalue()))
        file.write(copy.read_bytes())

    monkeypatch.setattr(torch, "save", written)
    with pytest.raises(UserError) as error:
        AtomicCheckpointIO().save_checkpoint(content(2.0), saved)
    assert str(error.value) == (
        f"cannot save the checkpoint {saved}: the written file {damage(copy)}. What was saved "
        "before is intact; make room, then go on with `ckpt_path` last"
    )
    assert isinstance(error.value.__cause__, OSError)
    assert error.value.__cause__.errno == errno.EIO
    assert [path.read_bytes() for path in saved.parent.iterdir()] == [before]


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
            read_checkpoint(saved)


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
            assert same(read_checkpoint(saved), content())
        else:
            seen += 1
    assert seen > 50


def foreign(path: Path, what: object) -> Path:
    torch.save(what, path)
    return path


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ([1, 2], "no checkpoint of gan_lightning"),
        ({"a": 1}, "no checkpoint of gan_lightning"),
        ({"state_dict": {}, "global_step": 1}, "saved by gan_lightning 0.1.0 or by another"),
        ({"state_dict": {}, "gan_lightning": {"format": 2}}, "in format 2 of gan_lightning"),
        ({"state_dict": {}, "gan_lightning": {"format": 9}}, "in format 9 of gan_lightning"),
        ({"state_dict": {}, "f": os.system}, "more than tensors and plain values"),
    ],
)
def test_foreign_and_old_checkpoints_are_refused(tmp_path: Path, what: object, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_checkpoint(foreign(tmp_path / "x.ckpt", what))


def test_what_refuses_a_foreign_checkpoint_names_the_file(tmp_path: Path) -> None:
    path = foreign(tmp_path / "x.ckpt", {"a": 1})
    with pytest.raises(UserError, match=f"^{path} is no checkpoint of gan_lightning; use one that"):
        read_checkpoint(path)


@pytest.mark.filterwarnings("ignore:Environment variable TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD")
def test_nothing_makes_a_file_run_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even torch's own switch."""
    path = foreign(tmp_path / "x.ckpt", {"state_dict": {}, "f": MakesAFolder(tmp_path / "made")})
    for switch in ("0", "1"):
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", switch)
        said = "holds more than tensors and plain values, so gan fit did not save it"
        assert damage(path) == said
    assert not (tmp_path / "made").exists()


def test_what_was_on_a_gpu_is_read_into_the_hosts_memory(saved: Path) -> None:
    loaded = read_checkpoint(as_of_a_gpu(saved))
    assert loaded["state_dict"]["w"].device == torch.device("cpu")
    assert same(loaded, content())


def test_a_whole_archive_of_something_else_is_a_damaged_checkpoint(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.ckpt", "w") as archive:
        archive.writestr("readme.txt", "hello")
    assert damage(tmp_path / "x.ckpt") == "is damaged"


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.ckpt does not exist"):
        read_checkpoint(tmp_path / "nowhere.ckpt")
    assert damage(tmp_path) == "is a folder"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.EIO, "Input/output error"), "is damaged or no checkpoint"),
        (PermissionError(errno.EACCES, "Permission denied"), "cannot be read"),
    ],
)
def test_a_file_that_the_system_does_not_read_is_told_by_its_error(
    saved: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def broken(path: object) -> None:
        raise error

    monkeypatch.setattr(zipfile, "ZipFile", broken)
    assert damage(saved) == said
