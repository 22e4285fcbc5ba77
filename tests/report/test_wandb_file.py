"""A W&B run is read back from its own file, whole, cut, continued or foreign."""

from __future__ import annotations

import json
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from gan_lightning.report.comparison import Comparison
from gan_lightning.report.evaluations import At
from gan_lightning.report.finding import find_runs
from gan_lightning.report.runs import Run
from gan_lightning.report.wandb_file import WandbRun, records
from tests.report.made import config, made

COUNTS = {"fid_real": 1000, "fid_generated": 5000, "is_images": 5000, "is_splits": 10}


def log(path: Path, contents: Sequence[bytes]) -> Path:
    """A LevelDB log as its description has it: fragments that no block of 32 KiB cuts."""
    written = bytearray(b":W&B" + b"\xe1\xbe\x00")
    for content in contents:
        left, first = content, True
        while True:
            room = 32768 - len(written) % 32768
            if room < 7:
                written += bytes(room)
                continue
            part, left = left[: room - 7], left[room - 7 :]
            kind = (1 if not left else 2) if first else (4 if not left else 3)
            checksum = zlib.crc32(bytes([kind]) + part)
            written += struct.pack("<IHB", checksum, len(part), kind) + part
            first = False
            if not left:
                break
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(written)
    return path


@pytest.mark.parametrize(
    "sizes", [[1, 2, 3], [32754, 5], [32750, 40000, 0, 7], [32747, 1], [100_000]]
)
def test_records_of_any_size_are_read_back(tmp_path: Path, sizes: list[int]) -> None:
    contents = [bytes([k + 1]) * size for k, size in enumerate(sizes)]
    assert list(records(log(tmp_path / "x.wandb", contents))) == contents


def test_a_cut_or_damaged_file_is_read_up_to_there(tmp_path: Path) -> None:
    path = log(tmp_path / "x.wandb", [b"a" * 50, b"b" * 50, b"c" * 50])
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    assert len(list(records(path))) == 2
    path.write_bytes(whole[:80] + b"!" + whole[81:])
    assert len(list(records(path))) == 1
    path.write_bytes(b"something else")
    assert list(records(path)) == []


def of_wandb(
    folder: Path,
    options: Mapping[str, Any],
    rows: Sequence[Mapping[str, Any]],
    code: int | None = 0,
) -> Path:
    """A W&B file of a run."""
    protocol: Any = import_module("wandb.proto.wandb_internal_pb2")
    start = protocol.Record()
    for key, value in options.items():
        start.run.config.update.add(key=key, value_json=json.dumps(value))
    made = [start]
    for row in rows:
        made.append(protocol.Record())
        for key, value in row.items():
            made[-1].history.item.add(nested_key=[key], value_json=json.dumps(value))
    if code is not None:
        made.append(protocol.Record())
        made[-1].exit.exit_code = code
    return log(folder / "run-abc.wandb", [record.SerializeToString() for record in made])


def row(step: int, fid: float) -> dict[str, Any]:
    return {"digits_fid": fid, **COUNTS, "trainer/global_step": step, "_step": step // 10}


def options(seed: int, norm: str = "sn", protocol: str = "monitor") -> dict[str, Any]:
    told = {"protocol": {"class_path": f"gan_lightning.scores.{protocol}"}}
    return config(seed, 100, {"name": norm}) | {"evaluation": told}


def one(folder: Path) -> Run:
    (run,) = find_runs([str(folder)])
    return run


def test_a_run_of_which_only_wandb_has_anything_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "wandb" / "offline-run-20260101_000000-abc"
    of_wandb(
        folder, options(3), [{"discriminator_loss": 0.5, "trainer/global_step": 20}, row(100, 7.0)]
    )
    run = one(tmp_path)
    assert isinstance(run, WandbRun)
    assert (run.seed, run.max_steps, run.step, str(run.ending)) == ("3", 100, 100, "finished")
    assert run.options["model.norm"] == "sn"
    assert [found.scores for found in run.evaluations() if found] == [{"digits_fid": 7.0}]
    assert [(r["step"], r.get("discriminator_loss")) for r in run.rows()] == [
        ("20", "0.5"),
        ("100", None),
    ]


def test_starts_of_one_run_are_one_run(tmp_path: Path) -> None:
    for k, rows in enumerate([[row(50, 9.0)], [row(100, 7.0)]]):
        folder = tmp_path / "wandb" / f"offline-run-20260101_00000{k}-abc"
        of_wandb(folder, options(0), rows, None if k == 0 else 0)
    assert [found.step for found in one(tmp_path).evaluations() if found] == [50, 100]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (None, "unfinished: 50 of 100 iterations"),
        (1, "crashed: 50 of 100 iterations; exit code 1"),
    ],
)
def test_an_unfinished_wandb_run_is_said(tmp_path: Path, code: int | None, said: str) -> None:
    of_wandb(tmp_path / "wandb" / "run-20260101_000000-abc", options(0), [row(50, 9.0)], code)
    assert str(one(tmp_path).ending) == said


def test_a_foreign_wandb_run_is_said(tmp_path: Path) -> None:
    of_wandb(tmp_path / "wandb" / "run-20260101_000000-abc", {"lr": 0.1}, [{"loss": 1.0}])
    assert one(tmp_path).ending.state == "damaged"


def test_wandb_runs_are_averaged_with_each_other_only(tmp_path: Path) -> None:
    """Their files say nothing of fingerprints: whether they measured as others did is unknown."""
    for seed, fid in enumerate([4.0, 6.0]):
        folder = tmp_path / str(seed) / "wandb" / "offline-run-20260101_000000-abc"
        of_wandb(folder, options(seed), [row(100, fid)])
    other = tmp_path / "2" / "wandb" / "offline-run-20260101_000000-abc"
    of_wandb(other, options(2, protocol="paper"), [row(100, 800.0)])
    made(tmp_path / "folder", 5, fids=[900.0])
    found = Comparison.of(find_runs([str(tmp_path)]), "model.norm", At("end"))
    means = [
        line.found["digits_fid"].mean for s in found.sections for line in found.lines[s.measure]
    ]
    assert sorted(means) == [5.0, 800.0, 900.0]


def test_what_lies_in_a_whole_runs_folder_is_not_read_twice(tmp_path: Path) -> None:
    folder = made(tmp_path / "a")
    of_wandb(folder / "wandb" / "offline-run-20260101_000000-abc", options(0), [row(100, 1.0)])
    assert not isinstance(one(tmp_path), WandbRun)


REAL = """
import json, sys, wandb
run = wandb.init(project="x", dir=sys.argv[1], mode="offline", config=json.loads(sys.argv[2]))
for row in json.loads(sys.argv[3]):
    run.log(row)
run.finish()
"""


@pytest.mark.slow
def test_what_wandb_itself_writes_is_read_back(tmp_path: Path) -> None:
    rows = [row(step, 100.0 - step) | {"text": "x" * 500} for step in range(101)]
    words = [json.dumps(options(4)), json.dumps(rows)]
    quiet = {**os.environ, "WANDB_SILENT": "true", "HOME": str(tmp_path)}
    command = [sys.executable, "-c", REAL, str(tmp_path), *words]
    subprocess.run(command, check=True, env=quiet, timeout=300)
    run = one(tmp_path)
    assert (run.seed, str(run.ending)) == ("4", "finished")
    found = [evaluation for evaluation in run.evaluations() if evaluation]
    assert [(e.step, e.scores["digits_fid"]) for e in found] == [(k, 100.0 - k) for k in range(101)]
