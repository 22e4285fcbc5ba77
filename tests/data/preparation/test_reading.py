"""Reading in order, here or in several processes."""

from __future__ import annotations

import os
import pickle
import re
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_lightning.data import stl10
from gan_lightning.data.preparation.reading import ReadBlocks, available_cores, read_in_order
from gan_lightning.data.preparation.source import Source
from tests.data import formats

COUNT = 20


def numbered(item: int) -> formats.Pixels:
    """Makes an image of its number; even ones take longer."""
    time.sleep(0.002 * (item % 2 == 0))
    return np.full((2, 2, 1), item, np.uint8)


@pytest.mark.parametrize("processes", [1, 3])
def test_blocks_come_in_order(processes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gan_lightning.data.preparation.reading.FEW_BLOCKS", 0)
    blocks = ReadBlocks(Source(range(COUNT), numbered), (2, 2, 1))
    ranges = [range(start, start + 2) for start in range(0, COUNT, 2)]
    before = torch.get_rng_state()
    read = list(read_in_order(blocks, ranges, processes))
    assert [block.items for block in read] == ranges
    assert np.concatenate([block.images for block in read])[:, 0, 0, 0].tolist() == [*range(COUNT)]
    assert torch.equal(torch.get_rng_state(), before), "preparing drew random numbers of training"


def test_a_source_can_be_sent_to_other_processes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while a trainer, which cannot, is attached to its dataset."""
    formats.write_stl10(tmp_path, monkeypatch)
    attached = stl10(root=str(tmp_path))
    attached.trainer = lambda: None  # type: ignore[assignment]  # cannot be sent
    blocks = ReadBlocks(attached.source("train"), (48, 48, 3))
    sent = pickle.loads(pickle.dumps(blocks))
    np.testing.assert_array_equal(sent[range(3)].images, blocks[range(3)].images)


@pytest.mark.parametrize(
    ("image", "found"),
    [
        (np.zeros((2, 2), np.uint8), r"uint8 \(2, 2\)"),
        (np.zeros((1, 1, 1), np.uint8), r"uint8 \(1, 1, 1\)"),  # numpy would spread it
        (np.zeros((2, 2, 1)), r"float64 \(2, 2, 1\)"),  # numpy would cut it
        (None, r"NoneType \(\)"),
    ],
)
def test_what_is_no_image_is_a_bad_one(image: object, found: str) -> None:
    # Ignored: what the reader returns is what this is about.
    blocks = ReadBlocks(Source(["name"], lambda _: image), (2, 2, 1))  # type: ignore[arg-type,return-value]
    block = blocks[range(1)]
    assert block.images.shape == (0, 2, 2, 1)
    name, problem = block.bad[0]
    assert name == "name"
    assert re.search(f"read as {found}, where uint8 .2, 2, 1. is wanted", problem)


def test_a_reader_that_meets_no_file_names_the_image() -> None:
    blocks = ReadBlocks(Source([Path("/nowhere.png")], lambda path: path.read_bytes()), (2, 2, 1))
    assert blocks[range(1)].bad == {
        0: ("/nowhere.png", "cannot be read (No such file or directory)")
    }


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """As each system tells it: newer Pythons, Linux, macOS."""
    monkeypatch.setattr(os, "process_cpu_count", lambda: 3, raising=False)
    assert available_cores() == 3
    monkeypatch.delattr(os, "process_cpu_count")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 5}, raising=False)
    assert available_cores() == 2
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    assert available_cores() == 4
