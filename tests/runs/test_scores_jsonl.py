"""scores.jsonl, through deaths and resurrections."""

from __future__ import annotations

import json
from pathlib import Path

from gan_lightning.runs.scores_jsonl import ScoresLog


def steps(log: ScoresLog) -> list[int]:
    return [json.loads(line)["step"] for line in log.path.read_text().splitlines()]


def test_a_resumed_run_drops_what_it_does_again(tmp_path: Path) -> None:
    log = ScoresLog(tmp_path)
    for step in (2, 4, 4, 6):
        log.add(step, {"fid": step / 10})
    log.go_on_from(4)
    assert steps(log) == [2, 4, 4]
    log.add(6, {"fid": 0.6})
    assert steps(log) == [2, 4, 4, 6]
    log.go_on_from(0)
    assert steps(log) == []


def test_a_torn_line_is_dropped(tmp_path: Path) -> None:
    log = ScoresLog(tmp_path)
    log.add(2, {"fid": 1.0})
    log.add(4, {"fid": 0.5})
    whole = log.path.read_bytes()
    for cut in range(1, 20):
        log.path.write_bytes(whole[:-cut])
        log.go_on_from(10)
        assert steps(log) == [2]


def test_a_line_that_is_no_text_is_dropped(tmp_path: Path) -> None:
    log = ScoresLog(tmp_path)
    log.add(2, {"fid": 1.0})
    log.path.write_bytes(log.path.read_bytes() + b"\xff\x00\n" + bytes(range(256)) + b"\n")
    log.go_on_from(10)
    assert steps(log) == [2]


def test_nothing_is_written_where_nothing_changes(tmp_path: Path) -> None:
    log = ScoresLog(tmp_path)
    log.go_on_from(3)
    assert not log.path.exists()
    log.add(2, {"fid": 1.0})
    before = log.path.stat().st_ino
    log.go_on_from(3)
    assert log.path.stat().st_ino == before
