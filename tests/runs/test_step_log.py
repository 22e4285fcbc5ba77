"""Lines of iterations: each once, whole, and none of what a killed run did too much."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gan_lightning.runs.step_log import StepLog


def lines(log: StepLog) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.path.read_text().splitlines()]


def test_a_line_holds_its_iteration_and_what_is_known(tmp_path: Path) -> None:
    log = StepLog(tmp_path / "run", "facts.jsonl")
    log.add(2, {"a": 1.5, "b": None})
    log.add(3, {"a": [1, 2]})
    assert log.path == tmp_path / "run" / "facts.jsonl"
    assert lines(log) == [{"step": 2, "a": 1.5, "b": None}, {"step": 3, "a": [1, 2]}]
    assert next(iter(lines(log)[0])) == "step"


def test_several_facts_of_an_iteration_are_lines_of_their_own(tmp_path: Path) -> None:
    log = StepLog(tmp_path, "facts.jsonl")
    log.add(4, {"layer": "a"}, {"layer": "b"}, {"layer": "c"})
    assert lines(log) == [{"step": 4, "layer": layer} for layer in "abc"]


def test_another_log_of_the_same_name_goes_on(tmp_path: Path) -> None:
    for step in (1, 2):
        StepLog(str(tmp_path), "facts.jsonl").add(step, {"a": step})
    assert [line["step"] for line in lines(StepLog(tmp_path, "facts.jsonl"))] == [1, 2]


def test_nothing_is_made_before_the_first_line(tmp_path: Path) -> None:
    log = StepLog(tmp_path / "run", "facts.jsonl")
    log.go_on_from(5)
    assert not log.path.parent.exists()


@pytest.mark.parametrize("step", [0, 1, 2, 3, 4, 9])
def test_going_on_keeps_what_was_until_then_and_is_where_that_run_was(
    tmp_path: Path, step: int
) -> None:
    """Byte for byte: what is dropped comes again."""
    log, short = StepLog(tmp_path, "facts.jsonl"), StepLog(tmp_path, "short.jsonl")
    for done in (1, 3, 4):
        log.add(done, {"part": "one"}, {"part": "two"})
        if done <= step:
            short.add(done, {"part": "one"}, {"part": "two"})
    log.go_on_from(step)
    assert log.path.read_bytes() == (short.path.read_bytes() if step else b"")


@pytest.mark.parametrize(
    "damaged",
    [
        b'{"step": 2, "a": 1}',  # torn before its end
        b'{"step": 2, "a"\n',
        b'{"a": 1}\n',
        b"[2]\n",
        b"2\n",
        b'{"step": "x"}\n',
        b'{"step": null}\n',
        b"\n",
        b"\xff\x00\n",
    ],
    ids=repr,
)
def test_a_line_that_says_no_iteration_is_dropped(tmp_path: Path, damaged: bytes) -> None:
    log = StepLog(tmp_path, "facts.jsonl")
    log.add(1, {"a": 1})
    whole = log.path.read_bytes()
    log.path.write_bytes(whole + damaged)
    log.go_on_from(100)
    assert log.path.read_bytes() == whole
