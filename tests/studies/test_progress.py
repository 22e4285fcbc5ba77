"""What is said of a study: each run once, the best first, what failed last."""

from __future__ import annotations

import itertools
import math
import time
from pathlib import Path

import optuna
import pytest
from optuna.trial import FrozenTrial, TrialState

from gan_lightning.studies import queue
from gan_lightning.studies.progress import (
    LISTED,
    StudyProgress,
    best_trials,
    duration,
    result_of,
    trial_name,
)
from gan_lightning.studies.sweep_file import Sweep, understood


def sweep(goal: str = "minimize") -> Sweep:
    content = {
        "command": ["gan", "fit", "${args}"],
        "method": "random",
        "metric": {"name": "fid", "goal": goal},
        "parameters": {"lr": {"min": 0.0, "max": 1.0}},
    }
    return understood(content, "mine")


def ended(
    slot: int,
    value: float | None = None,
    state: TrialState = TrialState.COMPLETE,
    outcome: str | None = "finished",
    reason: str = "",
    failed: int | None = None,
) -> FrozenTrial:
    """A run as a worker leaves it; ``failed`` is the number of the attempt that it makes again."""
    notes = {queue.SLOT: slot, queue.RUN: f"study/run{slot}", queue.METRIC: "fid"}
    notes |= {queue.OUTCOME: outcome, queue.REASON: reason} if outcome else {}
    return optuna.create_trial(
        state=state,
        value=value,
        user_attrs=notes,
        system_attrs={} if failed is None else {"failed_trial": failed},
    )


def failure(slot: int, outcome: str | None = "crashed", reason: str = "killed") -> FrozenTrial:
    return ended(slot, None, TrialState.FAIL, outcome, reason)


def study(*trials: FrozenTrial) -> optuna.Study:
    with queue.quiet():
        found = optuna.create_study()
    for trial in trials:
        found.add_trial(trial)
    return found


# --------------------------------------------------------------------------------- what is begun


@pytest.mark.parametrize(
    ("made", "workers", "said"),
    [
        (0, 1, "mine: 5 runs, one after the other, in out\n"),
        (0, 2, "mine: 5 runs, 2 at a time, in out\n"),
        (2, 1, "mine: 5 runs, 2 of them made before, one after the other, in out\n"),
    ],
)
def test_a_study_begins_with_what_there_is_to_do(
    made: int, workers: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What has failed is made again, and not counted as made."""
    before = study(*(ended(k, 1.0) for k in range(made)), failure(4))
    StudyProgress(before, sweep(), 5).begin(Path("out"), workers)
    assert capsys.readouterr().out == said


# ------------------------------------------------------------------------------- while it is made


def test_each_run_that_ends_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = study(ended(0, 5.0))
    progress = StudyProgress(found, sweep(), 3)
    assert not progress.look()  # what was there before is no news
    found.add_trial(ended(1, 7.0))
    found.add_trial(ended(2, state=TrialState.WAITING, outcome=None))
    assert progress.look()
    assert capsys.readouterr().out.startswith("[2/3] run1: fid 7; best 5: run0; about ")
    assert not progress.look()
    assert capsys.readouterr().out == ""


def test_runs_that_are_being_made_are_counted(capsys: pytest.CaptureFixture[str]) -> None:
    found = study()
    progress = StudyProgress(found, sweep(), 4)
    for k in (1, 2):
        found.add_trial(ended(k, state=TrialState.RUNNING, outcome=None))
    found.add_trial(failure(3, "refused", "--a must be > 0"))
    progress.look()
    assert capsys.readouterr().out == "[0/4] run3: refused, --a must be > 0; 2 running\n"


def test_a_worker_that_was_killed_is_not_told_of_where_its_run_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """But a run that crashed by itself and is tried again is."""
    found = study()
    progress = StudyProgress(found, sweep(), 2)
    found.add_trial(failure(0, outcome=None))
    found.add_trial(ended(0, state=TrialState.WAITING, outcome=None, failed=0))
    found.add_trial(failure(1))
    found.add_trial(ended(1, state=TrialState.WAITING, outcome=None, failed=2))
    assert progress.look()
    assert capsys.readouterr().out == "[0/2] run1: crashed, killed\n"


def test_the_time_left_is_that_of_the_runs_that_were_made_here(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(0.0, 600.0)
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    found = study(*(ended(k, 1.0) for k in range(4)))
    progress = StudyProgress(found, sweep(), 8)
    found.add_trial(ended(4, 1.0))
    progress.look()  # 10 minutes for one: 3 are left
    found.add_trial(ended(5, 1.0))
    progress.look()  # 20 minutes for two: 2 are left
    for slot in (6, 7):
        found.add_trial(ended(slot, 1.0))
    progress.look()
    lines = capsys.readouterr().out.splitlines()
    said = [line.rpartition("; ")[2] for line in lines]
    assert said == ["about 30 min left", "about 20 min left", *["best 1: run0"] * 2]


def test_a_run_that_is_in_the_queue_twice_counts_once(capsys: pytest.CaptureFixture[str]) -> None:
    found = study(ended(0, 3.0), ended(0, None, TrialState.PRUNED, outcome=None))
    assert StudyProgress(found, sweep(), 1).end(Path("out"))
    assert "1 of 1 runs have a result" in capsys.readouterr().out


# ------------------------------------------------------------------------------------ at its end


def test_the_end_lists_the_best_and_then_all_that_failed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = [ended(k, 10.0 - k) for k in range(LISTED + 2)]
    found = study(*made, failure(20), failure(21, "refused", "--a must be > 0"))
    assert not StudyProgress(found, sweep(), 10).end(Path("out"))
    assert capsys.readouterr().out.splitlines() == [
        "",
        f"{LISTED + 2} of 10 runs have a result, in out",
        *(f"  run{k}: fid {10 - k}" for k in range(LISTED + 1, 1, -1)),
        "  run20: crashed, killed",
        "  run21: refused, --a must be > 0",
        "The same command tries those again that failed.",
    ]


def test_a_run_that_failed_and_then_did_not_has_a_result(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert StudyProgress(study(failure(0), ended(0, 3.0)), sweep(), 1).end(Path("out"))
    assert capsys.readouterr().out == "\n1 of 1 runs have a result, in out\n  run0: fid 3\n"


# --------------------------------------------------------------------------------------- in words


def test_the_best_is_the_least_or_the_greatest_of_what_was_measured() -> None:
    values = [3.0, 1.0, math.inf, 2.0]
    made = [ended(k, value) for k, value in enumerate(values)]
    stopped = ended(8, 0.5, TrialState.PRUNED, "stopped")
    trials = study(*made, stopped, failure(9)).trials
    assert [t.value for t in best_trials(trials, sweep())] == [1.0, 2.0, 3.0]
    assert [t.value for t in best_trials(trials, sweep("maximize"))] == [3.0, 2.0, 1.0]
    assert best_trials([], sweep()) == []


@pytest.mark.parametrize(
    ("trial", "said"),
    [
        (ended(0, 12.34567), "fid 12.35"),
        (ended(0, math.inf), "finished, nothing was measured"),
        (ended(0, 3.0, outcome="diverged", reason="NaN"), "diverged, fid 3, NaN"),
        (ended(0, math.inf, outcome="diverged", reason="NaN"), "diverged, NaN"),
        (ended(0, None, TrialState.PRUNED, "stopped"), "stopped"),
        (failure(0, "refused", "--a is 3"), "refused, --a is 3"),
        (failure(0, None), "crashed"),  # it could not say
    ],
)
def test_what_became_of_a_run_is_said_with_all_that_is_known(trial: FrozenTrial, said: str) -> None:
    assert result_of(trial) == said


def test_a_run_goes_by_its_folder_and_before_it_has_one_by_its_place() -> None:
    waiting = optuna.create_trial(state=TrialState.WAITING, user_attrs={queue.SLOT: 3})
    assert (trial_name(ended(0, 1.0)), trial_name(waiting)) == ("run0", "run 3")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 min"),
        (89, "1 min"),
        (91, "2 min"),
        (3599, "60 min"),
        (3600, "1.0 h"),
        (47 * 3600, "47.0 h"),
        (2 * 86400, "2.0 days"),
    ],
)
def test_a_time_is_said_in_the_unit_that_one_thinks_in(seconds: float, words: str) -> None:
    assert duration(seconds) == words
