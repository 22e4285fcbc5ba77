"""Preparing that is killed: never a half array, and the next run goes on."""

from __future__ import annotations

import contextlib
import fcntl
import json
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from gan_lightning.data import folder, prepare, verify
from gan_lightning.data.preparation.reading import ReadBlock, ReadBlocks
from gan_lightning.errors import UserError
from tests.data import formats

COUNT = 24
BAD = (0, 11, 23)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan_lightning.data.preparation.writing.BLOCK_IMAGES", 4)
    monkeypatch.setattr("gan_lightning.data.preparation.reading.FEW_BLOCKS", 0)
    monkeypatch.setattr("gan_lightning.data.preparation.writing.MARK_SECONDS", 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Images in three classes, some of them bad."""
    images = {f"{i % 3}/{i:02}.png": formats.noise(8, 8, 3, seed=i) for i in range(COUNT)}
    formats.write_folder(tmp_path / "images", images)
    for i in BAD:
        (tmp_path / "images" / f"{i % 3}" / f"{i:02}.png").write_bytes(b"bad")
    return tmp_path / "images"


def data(root: Path, place: str) -> folder:
    home = str(root.parent / place)
    return folder(
        root=str(root), size=8, num_classes=3, batch_size=4, skip_bad=True, prepared_root=home
    )


def killed(job: Callable[[], None], after: float | None = None) -> bool:
    """Runs ``job`` in a process of its own; says whether it was killed before it ended."""
    process = multiprocessing.get_context("fork").Process(target=_alone, args=(job,))
    process.start()
    if after is not None:
        time.sleep(after)
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
    process.join(30)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


def _alone(job: Callable[[], None]) -> None:
    """Runs ``job`` with a lock for progress bars that no killed process can have kept.

    Such processes of different commands share nothing, but forks of one test share that lock.
    """
    tqdm.set_lock(threading.RLock())
    job()


def assert_absent_or_whole(root: Path, place: str, fingerprint: str) -> None:
    prepared = data(root, place)
    if prepared.prepared_folder("train").exists():
        verify(prepared)
        assert prepared.fingerprint() == fingerprint
    else:
        with pytest.raises(UserError):
            prepared.setup()


def suicide_at(event: int) -> None:
    """Kills this process at its n-th operation on the file system."""
    left = event

    def count(name: str, _: object) -> None:
        nonlocal left
        if name in ("open", "os.rename", "os.mkdir", "os.truncate", "os.remove", "os.rmdir"):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)


@pytest.mark.parametrize("step", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_killed_at_any_operation(root: Path, step: int) -> None:
    """Killed once at each ``step``-th operation, each time in a fresh place, then gone on."""
    prepare(data(root, "undisturbed"), processes=1)
    fingerprint = data(root, "undisturbed").fingerprint()
    labels = data(root, "undisturbed").labels()
    event = 0
    while True:
        event += step
        place = f"killed at {event}"

        def job(place: str = place, event: int = event) -> None:
            suicide_at(event)
            prepare(data(root, place), processes=1)

        if not killed(job):
            break
        assert_absent_or_whole(root, place, fingerprint)
        prepare(data(root, place), processes=1)
        verify(data(root, place))
        assert data(root, place).fingerprint() == fingerprint
        np.testing.assert_array_equal(data(root, place).labels(), labels)
    assert event > 20 + COUNT


@pytest.mark.slow
def test_killed_again_and_again_at_random_moments(root: Path) -> None:
    """Several processes, killed until one run gets through: the same array as undisturbed."""
    prepare(data(root, "undisturbed"))
    fingerprint = data(root, "undisturbed").fingerprint()
    dice = random.Random(0)
    kills = 0
    for trial in range(4):
        place = f"trial {trial}"
        patience = 0.001
        while killed(partial(prepare, data(root, place), 2), dice.uniform(0, patience)):
            assert_absent_or_whole(root, place, fingerprint)
            kills += 1
            patience *= 1.3
            assert patience < 30, "prepares slower and slower"
        verify(data(root, place))
        assert data(root, place).fingerprint() == fingerprint
    assert kills > 8


def test_what_was_done_is_not_done_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that dies in its fourth block leaves three that the next one keeps."""
    get = ReadBlocks.__getitem__
    read: list[int] = []

    def counted(self: ReadBlocks, items: range) -> ReadBlock:
        if len(read) == 3:
            raise KeyboardInterrupt
        read.append(items.start)
        return get(self, items)

    monkeypatch.setattr(ReadBlocks, "__getitem__", counted)
    with pytest.raises(KeyboardInterrupt, match=r"What is done is kept in .*: run again"):
        prepare(data(root, "x"), processes=1)
    first, read[:] = list(read), [-1] * 4
    prepare(data(root, "x"), processes=1)
    assert first == [0, 4, 8]
    assert read[4:] == [12, 16, 20]
    verify(data(root, "x"))


def test_no_mark_stands_before_images_that_are_not_on_the_disk(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A power failure keeps what was flushed: at every mark that is at least what it says."""
    part = data(root, "x").prepared_folder("train").with_name("train.part")
    sync, rename = os.fsync, Path.replace
    flushed, marks = 0, []

    def fsync(handle: int) -> None:
        nonlocal flushed
        sync(handle)
        if Path(f"/proc/self/fd/{handle}").readlink() == part / "images.npy":
            flushed = (part / "images.npy").stat().st_size

    def replace(self: Path, target: Path) -> Path:
        if target.name == "mark.json":
            noted = json.loads(self.read_text())
            marks.append(noted["items"])
            assert flushed >= 128 + (noted["items"] - len(noted["bad"])) * 192
        return rename(self, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", replace)
    prepare(data(root, "x"), processes=1)
    assert marks == [4, 8, 12, 16, 20, 24, 24]


@pytest.mark.parametrize(
    "damage", [b"", b"\xff\xfe\x00", b"[]", b"null", b'{"items": 9, "bad": 3}']
)
def test_a_damaged_mark_begins_again(
    root: Path, damage: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(data(root, "undisturbed"))
    interrupted(root, monkeypatch)
    part = data(root, "x").prepared_folder("train").with_name("train.part")
    (part / "mark.json").write_bytes(damage)
    prepare(data(root, "x"))
    assert data(root, "x").fingerprint() == data(root, "undisturbed").fingerprint()


def test_an_array_that_is_shorter_than_its_mark_begins_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(data(root, "undisturbed"))
    interrupted(root, monkeypatch)
    part = data(root, "x").prepared_folder("train").with_name("train.part")
    os.truncate(part / "images.npy", 1000)
    prepare(data(root, "x"))
    assert data(root, "x").fingerprint() == data(root, "undisturbed").fingerprint()


def test_what_lies_beyond_the_mark_is_not_kept(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when fewer images can be read than before: a disk that fails changes no file's date."""
    interrupted(root, monkeypatch)
    part = data(root, "x").prepared_folder("train").with_name("train.part")
    (part / "mark.json").unlink()
    file = root / "1" / "01.png"
    state = file.stat()
    file.write_bytes(bytes(state.st_size))
    os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    prepare(data(root, "x"))
    images = data(root, "x").prepared_folder("train") / "images.npy"
    assert images.stat().st_size == 128 + (COUNT - len(BAD) - 1) * 192


def interrupted(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reads everything, but ends before the array is complete."""
    with monkeypatch.context() as patch:
        patch.setattr("gan_lightning.data.preparation.writing.Part.finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(data(root, "x"))


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_other_images_begin_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of what has changed since is not gone on with."""
    interrupted(root, monkeypatch)
    formats.write_folder(root, {"1/01.png": formats.noise(8, 8, 3, seed=99)})
    prepare(data(root, "x"))
    brightest = [
        image
        for image in data(root, "x").images()
        if image.sum() == formats.noise(8, 8, 3, seed=99).sum()
    ]
    assert len(brightest) == 1


def crawl(monkeypatch: pytest.MonkeyPatch, read: Callable[[Path], formats.Pixels]) -> None:
    """Lets the folder read its images in another way."""
    source = folder.source
    monkeypatch.setattr(folder, "source", lambda *split: replace(source(*split), read=read))


def test_workers_die_with_their_parent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No orphan goes on reading: the lock that workers share is free soon after the kill."""
    crawl(monkeypatch, _lock_and_sleep)
    assert killed(lambda: prepare(data(root, "x"), 2), after=0.5)
    assert (root / "lock").exists()
    with (root / "lock").open("w") as file:
        for _ in range(40):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.05)
    pytest.fail("a worker outlived its parent by two seconds")


def _lock_and_sleep(path: Path) -> formats.Pixels:
    fcntl.flock(os.open(path.parents[1] / "lock", os.O_RDWR | os.O_CREAT), fcntl.LOCK_SH)
    time.sleep(10)
    return np.zeros((8, 8, 3), np.uint8)


def test_ctrl_c_says_one_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It reaches every process of a terminal: only the first one answers; what is done stays."""
    crawl(monkeypatch, _slowly)

    def job() -> None:
        os.setpgrp()
        # A shell's background jobs, and so their children, ignore it.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        try:
            prepare(data(root, "x"), 2)
        except KeyboardInterrupt as error:
            sys.stderr.write(f"{error}\n")
            sys.stderr.flush()
            os._exit(130)

    process = multiprocessing.get_context("fork").Process(target=_alone, args=(job,))
    process.start()
    assert process.pid is not None
    part = data(root, "x").prepared_folder("train").with_name("train.part")
    while not (part / "mark.json").exists():
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGINT)
    process.join(30)
    assert process.exitcode == 130
    assert json.loads((part / "mark.json").read_text())["items"] >= 4
    lines = capfd.readouterr().err.splitlines()
    assert lines == [f"Interrupted. What is done is kept in {part}: run again to go on."]


def _slowly(_: Path) -> formats.Pixels:
    time.sleep(0.05)
    return np.zeros((8, 8, 3), np.uint8)


def test_workers_leave_ctrl_c_to_their_parent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    crawl(monkeypatch, _interrupt_itself)
    prepare(data(root, "x"), 2)
    assert len(data(root, "x").images()) == COUNT


def _interrupt_itself(_: Path) -> formats.Pixels:
    os.kill(os.getpid(), signal.SIGINT)
    return np.zeros((8, 8, 3), np.uint8)


def test_a_worker_that_is_killed_is_named_in_one_sentence(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crawl(monkeypatch, _die)
    with pytest.raises(UserError, match=r"decodes images was killed.*What is done is kept"):
        prepare(data(root, "x"), 2)


def _die(path: Path) -> formats.Pixels:
    if path.stem > "10":
        os.kill(os.getpid(), signal.SIGKILL)
    return np.zeros((8, 8, 3), np.uint8)
