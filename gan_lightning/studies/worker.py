"""A worker: takes runs from the queue and makes them, one after the other.

A process of its own, started by `gan_lightning.studies.workers` with a `Job` on its standard input.
"""

from __future__ import annotations

import json
import math
import os
import signal
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import optuna
from filelock import FileLock
from optuna.pruners import MedianPruner
from optuna.trial import TrialState

from gan_lightning.studies import queue
from gan_lightning.studies.commands import words
from gan_lightning.studies.launch import end_with
from gan_lightning.studies.names import run_name
from gan_lightning.studies.sweep_file import Sweep, understood
from gan_lightning.studies.trial import Outcome, Task, make


@dataclass(frozen=True)
class Job:
    """What a worker has to know.

    Args:
        name: The sweep's.
        content: The sweep file's.
        extra: Options of every run.
        folder: The study's, with a folder per run.
        storage: Optuna's URL.
        prune: Whether hopeless runs are stopped.
        parent: The process that started the worker.
        lock: A file that is locked as long as the worker lives.
    """

    name: str
    content: dict[str, Any]
    extra: list[str]
    folder: str
    storage: str
    prune: bool
    parent: int
    lock: str

    @property
    def sweep(self) -> Sweep:
        """The sweep that the file describes."""
        return understood(self.content, self.name)

    def text(self) -> str:
        """The job as the worker reads it."""
        return json.dumps(asdict(self))


class Failed(Exception):  # noqa: N818  (an event)
    """A run has no result."""


class Worker:
    """Makes the runs of a study as long as there are any.

    Args:
        job: Which.
    """

    def __init__(self, job: Job) -> None:
        self.job, self.sweep = job, job.sweep
        self.study = queue.opened(self.sweep, job.storage)
        # Half of the settings' seeds are seen through before anything is called hopeless.
        self.study.pruner = MedianPruner(n_startup_trials=5)
        self._number: int | None = None

    def work(self) -> None:
        """Makes runs until none waits."""
        while queue.of_study(self.study, TrialState.WAITING):
            try:
                with queue.quiet():
                    self.study.optimize(self._make, n_trials=1, catch=(Failed,))
            except (ValueError, optuna.exceptions.UpdateFinishedTrialError):
                # A worker that was silent for long was taken for dead: its run is in the queue
                # again, where its folder will be found complete.
                if self._number is None or self._state() != TrialState.FAIL:
                    raise
            except SystemExit:
                if self._number is not None:
                    queue.put_back(self.study, self._number)
                raise

    def _state(self) -> TrialState:
        return self.study.get_trials(deepcopy=False)[self._number or 0].state

    def _make(self, trial: optuna.Trial) -> float:
        """Optuna's objective; a ValueError from here must not pass for Optuna's own, in `work`."""
        self._number = trial.number
        try:
            return self._made(trial)
        except ValueError as error:
            raise RuntimeError(f"run {trial.number} could not be made") from error

    def _made(self, trial: optuna.Trial) -> float:
        if queue.SLOT not in trial.user_attrs or queue.is_repeated(self.study, trial):
            raise optuna.TrialPruned
        trial.set_user_attr(queue.WORKER, queue.worker_name(Path(self.job.lock)))
        task = self._task(trial)
        trial.set_user_attr(queue.RUN, str(task.folder))
        outcome = make(task, lambda step, value: self._is_hopeless(trial, step, value))
        trial.set_user_attr(queue.OUTCOME, outcome.state)
        trial.set_user_attr(queue.REASON, outcome.reason)
        trial.set_user_attr(queue.METRIC, outcome.metric)
        return self._told(outcome)

    def _task(self, trial: optuna.Trial) -> Task:
        values = queue.values_of(self.study, self.sweep, trial)
        slot = None if self.sweep.method == "grid" else trial.user_attrs[queue.SLOT]
        return Task(
            words=words(self.sweep.command, values, self.job.extra),
            folder=Path(self.job.folder, run_name(values, self.sweep.varied, slot)),
            environment=os.environ,
            metric=self.sweep.metric,
            goal=self.sweep.goal,
        )

    def _is_hopeless(self, trial: optuna.Trial, step: int, value: float) -> bool:
        trial.report(value, step)
        return self.job.prune and trial.should_prune()

    def _told(self, outcome: Outcome) -> float:
        """What Optuna is told."""
        if outcome.failed:
            raise Failed(outcome.reason)
        if outcome.state == "stopped":
            raise optuna.TrialPruned
        if outcome.value is None:
            if self.sweep.method == "bayes" and outcome.state == "finished":
                raise Failed(f"{self.sweep.metric} is no column of its metrics.csv")
            return math.inf if self.sweep.goal == "minimize" else -math.inf
        return outcome.value


def _stop(number: int, frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # once is enough
    raise SystemExit(128 + number)


def main() -> None:
    """Works on the job of the standard input."""
    job = Job(**json.loads(sys.stdin.read()))
    signal.signal(signal.SIGTERM, _stop)
    end_with(job.parent)
    with FileLock(job.lock):
        Worker(job).work()


if __name__ == "__main__":
    main()
