"""Preparing that is killed: never a half array, and the next run goes on."""

from __future__ import annotations

import contextlib
import fcntl
import multiprocessing
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tqdm import tqdm

from gan_lightning.data import folder, prepare, verify
from gan_lightning.data.preparation import blocks
from gan_lightning.errors import UserError
from tests.data import formats

COUNT = 24
BAD = (0, 11, 23)


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan_lightning.data.preparation.writing.BLOCK_IMAGES", 4)
    monkeypatch.setattr("gan_lightning.data.preparation.blocks.FEW_BLOCKS", 0)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Images in three classes, some of them bad, so that finishing moves images too."""
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
        while killed(lambda place=place: prepare(data(root, place), 2), dice.uniform(0, patience)):  # type: ignore[misc]
            assert_absent_or_whole(root, place, fingerprint)
            kills += 1
            patience *= 1.3
            assert patience < 30, "prepares slower and slower"
        verify(data(root, place))
        assert data(root, place).fingerprint() == fingerprint
    assert kills > 8


def test_what_was_done_is_not_done_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that dies in its fourth block leaves three that the next one keeps."""
    fill = blocks.fill
    filled: list[int] = []

    def counted(block: blocks.Block, *arguments: object) -> blocks.Report:
        if len(filled) == 3:
            raise KeyboardInterrupt
        filled.append(block.first)
        return fill(block, *arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(blocks, "fill", counted)
    with pytest.raises(KeyboardInterrupt):
        prepare(data(root, "x"), processes=1)
    first, filled[:] = list(filled), [-1] * 4
    prepare(data(root, "x"), processes=1)
    assert first == [0, 4, 8]
    assert filled[4:] == [12, 16, 20]
    verify(data(root, "x"))


def test_a_block_that_was_lost_is_done_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a power failure the journal may know blocks that never reached the disk."""
    prepare(data(root, "undisturbed"))
    with monkeypatch.context() as patch:
        patch.setattr("gan_lightning.data.preparation.writing.Part.finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(data(root, "x"))
    part = data(root, "x").prepared_folder("train").with_name("train.part")
    with (part / "images.npy").open("r+b") as file:
        file.seek(128 + 18 * 192)
        file.write(bytes(192))
    with (part / "journal.jsonl").open("a") as journal:
        journal.write('{"first": 8, "cr')
    prepare(data(root, "x"))
    assert data(root, "x").fingerprint() == data(root, "undisturbed").fingerprint()


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_other_images_begin_again(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A part of what has changed since is not gone on with."""
    with monkeypatch.context() as patch:
        patch.setattr("gan_lightning.data.preparation.writing.Part.finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            prepare(data(root, "x"))
    formats.write_folder(root, {"1/01.png": formats.noise(8, 8, 3, seed=99)})
    prepare(data(root, "x"))
    brightest = [
        image
        for image in data(root, "x").images()
        if image.sum() == formats.noise(8, 8, 3, seed=99).sum()
    ]
    assert len(brightest) == 1


def test_workers_die_with_their_parent(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No orphan goes on writing: the lock that writers share is free soon after the kill."""
    slow = folder.source

    def crawling(self: folder, split: str) -> object:
        source = slow(self, split)  # type: ignore[arg-type]
        object.__setattr__(source, "read", _crawl)
        return source

    monkeypatch.setattr(folder, "source", crawling)
    assert killed(lambda: prepare(data(root, "x"), 2), after=0.5)
    lock = data(root, "x").prepared_folder("train").with_name("train.part") / "writers.lock"
    with lock.open("w") as file:
        for _ in range(40):
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            time.sleep(0.05)
    pytest.fail("a worker outlived its parent by two seconds")


def _crawl(_: object) -> formats.Pixels:
    time.sleep(10)
    return np.zeros((8, 8, 3), np.uint8)
