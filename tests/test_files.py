"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import sys
from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.files import (
    FAULTS,
    append_line,
    json_sha256,
    sha256,
    sync,
    told,
    whole,
    writable,
    write_whole,
)


def test_what_is_written_is_there(tmp_path: Path) -> None:
    write_whole(tmp_path / "new" / "a.txt", "text \u00e9")
    assert (tmp_path / "new" / "a.txt").read_bytes() == "text \u00e9".encode()
    write_whole(tmp_path / "new" / "a.txt", b"\xff")
    assert (tmp_path / "new" / "a.txt").read_bytes() == b"\xff"
    with whole(tmp_path / "b.csv", "w", newline="") as file:
        file.write("1\r\n")
    assert (tmp_path / "b.csv").read_bytes() == b"1\r\n"


def test_while_it_is_written_the_old_one_stands(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_whole(path, "old")
    with whole(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("before", [None, "old"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "a"
    if before is not None:
        path.write_text(before)

    def fail() -> None:
        with whole(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == (
        [] if before is None else [("a", before)]
    )


def test_killed_at_any_operation_it_is_the_old_or_the_new(tmp_path: Path) -> None:
    path, new = tmp_path / "a", b"new" * 100_000
    seen = set()
    for event in range(1, 8):
        path.write_bytes(b"old")
        child = os.fork()
        if child == 0:
            _kill_at(event)
            write_whole(path, new)
            os._exit(0)
        os.waitpid(child, 0)
        seen.add(path.read_bytes())
    assert seen == {b"old", new}


def _kill_at(event: int) -> None:
    left = event

    def count(name: str, _: object) -> None:
        nonlocal left
        if name in ("open", "os.rename", "os.remove"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


def test_the_content_is_on_the_disk_before_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content flushed, then the name given, then the name flushed."""
    events: list[tuple[str, int]] = []
    fsync, replace = os.fsync, Path.replace

    def noting_fsync(handle: int) -> None:
        events.append((Path(f"/proc/self/fd/{handle}").readlink().name, os.fstat(handle).st_size))
        fsync(handle)

    def noting_replace(self: Path, target: Path) -> Path:
        events.append(("name", 0))
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", noting_fsync)
    monkeypatch.setattr(Path, "replace", noting_replace)
    write_whole(tmp_path / "a", b"12345")
    (draft, size), name, (folder, _) = events
    assert (draft.startswith("a."), size) == (True, 5)
    assert name == ("name", 0)
    assert folder == tmp_path.name


def test_a_line_is_on_the_disk_when_it_is_said_to_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "log"
    flushed: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda handle: flushed.append(path.read_text()))
    append_line(path, "one")
    append_line(path, "two")
    assert flushed == ["one\n", "one\ntwo\n"]


@pytest.mark.parametrize("number", [*sorted(FAULTS), errno.ENOENT, errno.EINTR])
def test_only_what_a_disk_does_is_told_of_the_disk(number: int) -> None:
    told_of = UserError if number in FAULTS else OSError
    with pytest.raises((OSError, UserError), match=os.strerror(number)) as error, told("there"):
        raise OSError(number, os.strerror(number))
    assert isinstance(error.value, told_of)
    assert str(error.value).startswith("cannot write there: ") == (number in FAULTS)


def test_where_a_file_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert writable(tmp_path / "file")
    assert writable(tmp_path / "not" / "yet" / "there")
    assert not writable(tmp_path)
    assert not writable(tmp_path / "file" / "below")


def test_two_at_once_are_one_of_them(tmp_path: Path) -> None:
    """Processes that write the same file do not mix."""
    path = tmp_path / "a"
    children = []
    for letter in (b"x", b"y"):
        child = os.fork()
        if child == 0:
            for _ in range(20):
                write_whole(path, letter * 50_000)
            os._exit(0)
        children.append(child)
    assert [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children] == [0, 0]
    assert path.read_bytes() in (b"x" * 50_000, b"y" * 50_000)
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_folders_are_not_flushed_where_they_cannot_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sync(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(os, "name", "nt")
        sync(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "missing")


@pytest.mark.parametrize("size", [0, 1, 10**6 + 1])
def test_sha256_is_that_of_the_content(tmp_path: Path, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    (tmp_path / "a").write_bytes(content[:size])
    assert sha256(tmp_path / "a") == hashlib.sha256(content[:size]).hexdigest()


def test_the_digest_of_content_is_that_of_its_json_with_keys_in_order() -> None:
    literal = hashlib.sha256(b'{"a": [1, null], "b": 0.5}').hexdigest()
    assert json_sha256({"b": 0.5, "a": [1, None]}) == literal
    assert json_sha256({"b": 0.5, "a": [None, 1]}) != literal
    assert json_sha256({"b": 0.25, "a": [1, None]}) != literal
