"""The reader of runs: what it says of whole, partial, foreign and damaged folders."""

from __future__ import annotations

import json
import os
import socket
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest

from gan_lightning.report.comparison import Comparison
from gan_lightning.report.evaluations import At
from gan_lightning.report.finding import find_runs
from gan_lightning.report.runs import Run
from gan_lightning.report.score_tables import as_csv, tables_of
from tests.report.made import made


def read(folder: Path) -> Run:
    (run,) = find_runs([str(folder)])
    return run


def ended(folder: Path, iteration: int, why: str) -> Path:
    with (folder / "history.jsonl").open("a") as file:
        file.write(json.dumps({"time": "now", "iteration": iteration, "ended": why}) + "\n")
    return folder


def owned(folder: Path, process: int, host: str) -> Path:
    (folder / ".owner.json").write_text(json.dumps({"process": process, "host": host}))
    return folder


def test_how_far_a_run_is(tmp_path: Path) -> None:
    here, gone = socket.gethostname(), _no_process()
    partial: dict[str, Any] = {"step": 60, "fids": {}}
    told = {
        "whole": (made(tmp_path / "whole"), "finished"),
        "early": (
            ended(made(tmp_path / "early", **partial), 60, "finished"),
            "finished: 60 of 100 iterations: it was told to end there",
        ),
        "partial": (
            made(tmp_path / "partial", **partial),
            "unfinished: 60 of 100 iterations",
        ),
        "stopped": (
            ended(made(tmp_path / "stopped", **partial), 63, "stopped: by a signal"),
            "unfinished: 63 of 100 iterations; stopped: by a signal",
        ),
        "diverged": (
            ended(made(tmp_path / "diverged", **partial), 64, "diverged: NaN. Lower it"),
            "diverged: 64 of 100 iterations; NaN",
        ),
        "failed": (
            ended(made(tmp_path / "failed", **partial), 60, "crashed: ValueError: no"),
            "crashed: 60 of 100 iterations; ValueError: no",
        ),
        "killed": (
            owned(made(tmp_path / "killed", **partial), gone, here),
            "crashed: 60 of 100 iterations; its process ended without a word",
        ),
        "going": (
            owned(made(tmp_path / "going", **partial), os.getpid(), here),
            "running: 60 of 100 iterations",
        ),
        "elsewhere": (
            owned(made(tmp_path / "elsewhere", **partial), gone, "another host"),
            "unfinished: 60 of 100 iterations",
        ),
    }
    for folder, said in told.values():
        assert str(read(folder).ending) == said, folder


def _no_process() -> int:
    """A number that no process has."""
    child = os.fork()
    if child == 0:
        os._exit(0)
    os.waitpid(child, 0)
    return child


def test_a_resumed_run_is_as_far_as_its_last_start_got(tmp_path: Path) -> None:
    folder = ended(made(tmp_path / "a", step=60, fids={}), 60, "diverged: NaN")
    with (folder / "history.jsonl").open("a") as file:
        file.write(json.dumps({"iteration": 50, "max_steps": 100, "changed": {}}) + "\n")
    assert read(folder).ending.state == "unfinished"


def test_logs_that_skip_the_last_iteration_do_not_make_it_unfinished(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", max_steps=105, fids={}, step=105)
    assert read(folder).step == 100  # rows at every tenth
    (folder / "samples").mkdir()
    (folder / "samples" / "step=00000105.png").touch()
    assert read(folder).ending.state == "finished"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"history.jsonl": b""}, "empty: it has no config.yaml: no iteration was begun"),
        ({"config.yaml": b""}, "damaged: its config.yaml is not that of a run of gan fit"),
        ({"config.yaml": b"seed_everything: 1\nmodel: [\n"}, "damaged: its config.yaml is no YAML"),
        ({"config.yaml": b"seed_everything: \xff\n"}, "damaged: its config.yaml cannot be read"),
        (
            {"config.yaml": b"seed_everything: 1\nmodel: {}\n- 3"},
            "damaged: its config.yaml is no YAML",
        ),
    ],
)
def test_damaged_folders_are_said(tmp_path: Path, files: dict[str, bytes], said: str) -> None:
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    assert str(read(tmp_path).ending).startswith(said)
    found = Comparison.of(find_runs([str(tmp_path)]), None, At("end"))
    assert tables_of(found)[0].rows[0][1].text.startswith(said)


def test_damaged_lines_are_passed_over(tmp_path: Path) -> None:
    folder = made(tmp_path / "a", fids={50: 7.0, 100: 5.0})
    scores, metrics = folder / "scores.jsonl", folder / "metrics.csv"
    whole = scores.read_bytes()
    scores.write_bytes(b"\xff\n[1]\n{}\n" + whole + b'{"step": 150, "digits_f')
    metrics.write_bytes(metrics.read_bytes() + b"\0\0\0,\n110,1.0,2\nx,1.0\n11")
    run = read(folder)
    assert [found.step for found in run.evaluations() if found] == [50, 100]
    assert [row["step"] for row in run.rows()][-2:] == ["90", "100"]
    assert run.ending.state == "finished"


def many(tmp_path: Path, count: int) -> None:
    """Runs of five seeds and different options, with 20 evaluations and 500 logged rows."""
    for k in range(count):
        scale = {"name": "bssn", "scale": (k // 5) / 100}
        fids = {5 * (j + 1): float(k + j) for j in range(20)}
        folder = made(tmp_path / str(k // 500) / str(k), k % 5, scale, fids)
        rows = "".join(f"{j},{k}.5,0.25\n" for j in range(1, 101)) * 5
        (folder / "metrics.csv").write_text("step,discriminator_loss,generator_loss\n" + rows)


@pytest.mark.parametrize(
    "count",
    [pytest.param(250, marks=pytest.mark.slow), pytest.param(5000, marks=pytest.mark.exhaustive)],
)
def test_runs_take_little_memory_however_many_they_are(tmp_path: Path, count: int) -> None:
    """What was logged is not kept: 500 rows of 250 runs are 60 MiB."""
    many(tmp_path, count)
    tracemalloc.start()
    found = Comparison.of(find_runs([str(tmp_path)]), None, At("end"))
    assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    tracemalloc.stop()
    assert len(found.sections[0].groups) == count // 5
    assert as_csv(found).count("\nscore,") == count // 5


@pytest.mark.exhaustive
def test_five_thousand_runs_take_under_a_minute(tmp_path: Path) -> None:
    many(tmp_path, 5000)
    before = time.process_time()
    as_csv(Comparison.of(find_runs([str(tmp_path)]), None, At("end")))
    assert time.process_time() - before < 60
