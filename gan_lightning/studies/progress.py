"""What is shown of a study while it is made, and at its end."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

from gan_lightning.studies import queue
from gan_lightning.studies.sweep_file import Sweep

FINISHED = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
LISTED = 5
"""How many of the best runs are listed at the end."""


class StudyProgress:
    """Prints a line for every run that ends, with the best so far.

    Args:
        study: Of which.
        sweep: Its file.
        trials: How many runs there are to be.
    """

    def __init__(self, study: optuna.Study, sweep: Sweep, trials: int) -> None:
        self.study, self.sweep, self.trials = study, sweep, trials
        self._begun = time.monotonic()
        before = queue.of_study(study, *FINISHED)
        self._told = {trial.number for trial in before}
        self._done_before = len(_done(before))

    def begin(self, folder: Path, workers: int) -> None:
        """Says what is about to happen."""
        before = f", {self._done_before} of them made before" if self._done_before else ""
        each = f"{workers} at a time" if workers > 1 else "one after the other"
        print(f"{self.sweep.name}: {self.trials} runs{before}, {each}, in {folder}", flush=True)

    def look(self) -> bool:
        """Prints what has ended since the last look, and says whether anything has."""
        trials = queue.of_study(self.study)
        ended = [t for t in trials if t.state in FINISHED and t.number not in self._told]
        retried = {t.system_attrs.get("failed_trial") for t in trials}
        for trial in ended:
            self._told.add(trial.number)
            if trial.number not in retried or queue.OUTCOME in trial.user_attrs:
                print(self._line(trial, trials), flush=True)
        return bool(ended)

    def _line(self, trial: FrozenTrial, trials: list[FrozenTrial]) -> str:
        done, running = len(_done(trials)), sum(t.state == TrialState.RUNNING for t in trials)
        best = best_trials(trials, self.sweep)
        words = [
            f"[{done}/{self.trials}] {trial_name(trial)}: {result_of(trial)}",
            f"best {best[0].value:.4g}: {trial_name(best[0])}" if best else "",
            self._left(done),
            f"{running} running" if running else "",
        ]
        return "; ".join(filter(None, words))

    def _left(self, done: int) -> str:
        made = done - self._done_before
        if not made or done >= self.trials:
            return ""
        seconds = (time.monotonic() - self._begun) / made * (self.trials - done)
        return f"about {duration(seconds)} left"

    def end(self, folder: Path) -> bool:
        """Prints what became of the study, and says whether every run has a result."""
        trials = queue.of_study(self.study)
        failed = _failed(trials)
        print(f"\n{len(_done(trials))} of {self.trials} runs have a result, in {folder}")
        for trial in best_trials(trials, self.sweep)[:LISTED]:
            print(f"  {trial_name(trial)}: {result_of(trial)}")
        for trial in failed:
            print(f"  {trial_name(trial)}: {result_of(trial)}")
        if failed:
            print("The same command tries those again that failed.")
        return not failed


def best_trials(trials: Iterable[FrozenTrial], sweep: Sweep) -> list[FrozenTrial]:
    """The runs that were measured, the best first."""
    sign = 1 if sweep.goal == "minimize" else -1
    found = [
        t
        for t in trials
        if t.state == TrialState.COMPLETE and t.value is not None and math.isfinite(t.value)
    ]
    return sorted(found, key=lambda trial: sign * (trial.value or 0.0))


def result_of(trial: FrozenTrial) -> str:
    """What became of a run."""
    outcome = trial.user_attrs.get(queue.OUTCOME, "crashed")
    reason = trial.user_attrs.get(queue.REASON, "")
    value = trial.value
    measured = value is not None and math.isfinite(value)
    number = f"{trial.user_attrs.get(queue.METRIC) or 'value'} {value:.4g}" if measured else ""
    if outcome == "finished":
        return number or "finished, nothing was measured"
    return ", ".join(filter(None, (outcome, number, reason)))


def trial_name(trial: FrozenTrial) -> str:
    """The name of a run's folder."""
    run = trial.user_attrs.get(queue.RUN)
    return Path(run).name if run else f"run {trial.user_attrs[queue.SLOT]}"


def duration(seconds: float) -> str:
    """A time as one says it.

    >>> duration(50), duration(130), duration(7000), duration(400000)
    ('1 min', '2 min', '1.9 h', '4.6 days')
    """
    if seconds < 3600:
        return f"{max(1, round(seconds / 60))} min"
    return f"{seconds / 3600:.1f} h" if seconds < 2 * 86400 else f"{seconds / 86400:.1f} days"


def _done(trials: Iterable[FrozenTrial]) -> set[int]:
    """The places in the queue whose runs have a result."""
    states = (TrialState.COMPLETE, TrialState.PRUNED)
    return {t.user_attrs[queue.SLOT] for t in trials if t.state in states}


def _failed(trials: list[FrozenTrial]) -> list[FrozenTrial]:
    """The last attempts of the runs that have no result."""
    last = {t.user_attrs[queue.SLOT]: t for t in trials}
    return [t for t in last.values() if t.state == TrialState.FAIL]
