"""What tells whether files have changed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gan_lightning.data.preparation.source import signature, states


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    """Three files in two folders."""
    made = [tmp_path / "home" / name for name in ("a/1.png", "a/2.png", "b/1.png")]
    for file in made:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(file.name.encode())
    return made


def touch(file: Path) -> None:
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))


def grow(file: Path) -> None:
    before = file.stat().st_mtime_ns
    file.write_bytes(b"longer than before")
    os.utime(file, ns=(before, before))


@pytest.mark.parametrize("change", [touch, grow, Path.unlink])
def test_a_change_is_seen_where_it_is(files: list[Path], change: Callable[[Path], None]) -> None:
    before = states(files)
    change(files[1])
    assert (states(files) != before).tolist() == [False, True, False]
    assert signature(states(files)) != signature(before)


def test_equal_files_of_other_names_differ(files: list[Path]) -> None:
    shutil.copy2(files[0], files[2])
    assert len(np.unique(states(files))) == 3


def test_a_folder_may_be_moved_and_looked_at(files: list[Path], tmp_path: Path) -> None:
    before = signature(states(files))
    (tmp_path / "home").rename(tmp_path / "elsewhere")
    moved = [tmp_path / "elsewhere" / file.relative_to(tmp_path / "home") for file in files]
    for file in moved:
        file.read_bytes()
    assert signature(states(moved)) == before


def test_fewer_files_and_another_order_have_another_signature(files: list[Path]) -> None:
    assert len({signature(states(some)) for some in (files, files[:2], files[::-1], [])}) == 4


def test_names_that_are_no_text(tmp_path: Path) -> None:
    odd = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.png"))
    odd.write_bytes(b"x")
    assert len(states([odd])) == 1
