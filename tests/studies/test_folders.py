"""What a run's folder says of how far it is and how good, whole or damaged."""

from __future__ import annotations

import os
import pickle
import zipfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from filelock import FileLock

from gan_lightning.run_folder import CONFIG, LAST, LOCK, METRICS, checkpoint_folder
from gan_lightning.studies.folders import (
    checkpoint_step,
    fid_column,
    history,
    is_complete,
    is_free,
    is_trained,
)
from tests.studies import fake_run


def test_a_checkpoint_of_torch_says_its_step(tmp_path: Path) -> None:
    """Read without torch, tensors, moments and all."""
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.Adam(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    content = {"state_dict": layer.state_dict(), "optimizer": optimizer.state_dict()}
    torch.save({**content, "global_step": 123, "half": torch.ones(2).bfloat16()}, tmp_path / "c")
    assert checkpoint_step(tmp_path / "c") == 123
    (tmp_path / "d").write_bytes((tmp_path / "c").read_bytes()[:-50])
    assert checkpoint_step(tmp_path / "d") == -1
    assert checkpoint_step(tmp_path / "absent") == -1


@pytest.mark.parametrize(
    ("made", "wanted", "complete"), [(5, 5, True), (4, 5, False), (5, -1, False)]
)
def test_a_run_is_complete_that_made_what_its_config_asks_for(
    tmp_path: Path, made: int, wanted: int, complete: bool
) -> None:
    assert not is_complete(tmp_path)
    (tmp_path / CONFIG).write_text(f"trainer:\n  max_steps: {wanted}\n")
    checkpoint_folder(tmp_path).mkdir()
    torch.save({"global_step": made}, checkpoint_folder(tmp_path) / LAST)
    assert is_complete(tmp_path) == complete


def test_histories_leave_out_what_is_no_number(tmp_path: Path) -> None:
    assert history(tmp_path, None) == ("", {})
    text = "step,loss,fid,ema_fid\n1,2.0,,\n2,1.0,9.5,8.5\n3,,nan,inf\n4,,7.0,6.5\n5,,6"
    (tmp_path / METRICS).write_text(text)
    assert history(tmp_path, None) == ("ema_fid", {2: 8.5, 4: 6.5})
    assert history(tmp_path, "loss") == ("loss", {1: 2.0, 2: 1.0})
    assert history(tmp_path, "absent") == ("", {})


def archive(path: Path, content: object, name: str = "last/data.pkl") -> Path:
    """What torch saves, without tensors."""
    with zipfile.ZipFile(path, "w") as file:
        file.writestr(name, pickle.dumps(content))
    return path


@pytest.mark.parametrize(
    "content",
    [
        {"state": {}},
        {"global_step": None},
        {"global_step": "many"},
        [1, 2],
        None,
    ],
)
def test_a_checkpoint_without_a_step_is_none(tmp_path: Path, content: object) -> None:
    assert checkpoint_step(archive(tmp_path / "c", content)) == -1


def test_the_step_is_found_under_whatever_name_a_checkpoint_was_saved(tmp_path: Path) -> None:
    for name in ("last/data.pkl", "step=3/data.pkl", "archive/data.pkl"):
        assert checkpoint_step(archive(tmp_path / "c", {"global_step": 7}, name)) == 7
    assert checkpoint_step(archive(tmp_path / "c", {"global_step": 7}, "last/other.pkl")) == -1
    (tmp_path / "c").write_bytes(b"")
    assert checkpoint_step(tmp_path / "c") == checkpoint_step(tmp_path) == -1


class Touches:
    """Makes a file when it is read as pickle reads things."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return os.mkdir, (str(self.path),)


def test_nothing_in_a_checkpoint_is_called(tmp_path: Path) -> None:
    """A study only looks at checkpoints; who loads one is asked for trust."""
    content = OrderedDict(optimizer=Touches(tmp_path / "made"), global_step=5)
    assert checkpoint_step(archive(tmp_path / "c", content)) == 5
    assert not (tmp_path / "made").exists()
    pickle.loads(pickle.dumps(content))  # as it would have been
    assert (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "config",
    ["", "trainer: {max_steps: many}", "trainer: {}", "trainer: 3", "- 1", "a: [", "trainer:"],
)
def test_a_run_whose_config_asks_for_no_iterations_is_never_complete(
    tmp_path: Path, config: str
) -> None:
    (tmp_path / CONFIG).write_text(config)
    fake_run.checkpoint(tmp_path, 1000)
    assert not is_complete(tmp_path)
    (tmp_path / CONFIG).write_text("trainer: {max_steps: 1000}")
    assert is_complete(str(tmp_path))


@pytest.mark.parametrize(
    ("columns", "name"),
    [
        (["step", "fid", "ema_fid"], "ema_fid"),
        (["step", "digits_fid", "kid"], "digits_fid"),
        (["a_fid", "b_fid"], "a_fid"),
        (["fid/total", "fids"], ""),
        ([], ""),
    ],
)
def test_the_fid_that_counts_is_that_of_the_moving_average(columns: list[str], name: str) -> None:
    assert fid_column(columns) == name


def test_a_row_that_a_kill_has_cut_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / METRICS).write_text("step,loss,fid\n1,2.0,3.0\n2\n,1.0,1.0\nx,1.0,1.0\n3,1.0,2.0")
    assert history(str(tmp_path), None) == ("fid", {1: 3.0, 3: 2.0})
    (tmp_path / METRICS).write_text("step,loss\n")
    assert history(tmp_path, None) == history(tmp_path, "loss") == ("", {})


def test_a_lock_is_taken_as_long_as_a_process_has_it(tmp_path: Path) -> None:
    """And looking at it leaves it as it was."""
    assert is_free(tmp_path / LOCK)
    assert not (tmp_path / LOCK).exists()
    with FileLock(tmp_path / LOCK):
        assert not is_free(tmp_path / LOCK)
        assert is_trained(str(tmp_path))
    assert is_free(tmp_path / LOCK)
    assert is_free(tmp_path / LOCK)
    assert not is_trained(tmp_path)
