"""Pictures and predictions on a full disk: one sentence, and what was there before stays."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from gan_lightning.callbacks.samples import save_grid
from gan_lightning.errors import UserError
from tests.conftest import ROOT, Gan


@contextmanager
def disk_with_room_for(size: int) -> Iterator[None]:
    """A limit on the size of files is to a program what a full disk is."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_predictions(gan: Gan, tmp_path: Path) -> None:
    gan("--trainer.max_steps", "3")
    options = ["--ckpt_path", "last", "--data.num_predict", "100"]
    gan(*options, subcommand="predict")
    folder = tmp_path / "run" / "predictions"
    before = {path: path.read_bytes() for path in folder.iterdir()}
    words = r"cannot write .*images\.npz: File too large\. What was there before is intact"
    with pytest.raises(UserError, match=words), disk_with_room_for(1000):
        gan(*options, subcommand="predict")
    assert before == {path: path.read_bytes() for path in folder.iterdir()}


def test_pictures(tmp_path: Path) -> None:
    path = tmp_path / "grid.png"
    save_grid(torch.zeros(4, 1, 16, 16, dtype=torch.uint8), path, columns=2)
    before = path.read_bytes()
    noise = torch.randint(0, 255, (4, 1, 16, 16), dtype=torch.uint8)
    words = r"cannot write .*grid\.png: File too large"
    with pytest.raises(UserError, match=words), disk_with_room_for(200):
        save_grid(noise, path, columns=2)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["last.ckpt", "best.json", "*.png", "metrics.csv", "config.yaml"])
def test_where_one_process_cannot_write_none_waits(name: str, tmp_path: Path) -> None:
    """Both end, and the one that found it says so, once."""
    ended = subprocess.run(
        [sys.executable, "-m", "tests.full_disk", str(tmp_path), name],
        env=os.environ | {"OMP_NUM_THREADS": "1", "JSONARGPARSE_DEPRECATION_WARNINGS": "off"},
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=500,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    assert ended.stderr.count("gan: error: cannot") == 1, ended.stderr
    assert re.search(rf"{name.lstrip('*')}.*: No space left on device", ended.stderr)
    assert "Traceback" not in ended.stderr
