"""A worker makes the runs of a study one after the other, and is told of by what it leaves."""

from __future__ import annotations

import json
import math
import os
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from optuna.trial import TrialState

from gan_lightning.studies import queue, trial, worker
from gan_lightning.studies.progress import best_trials
from gan_lightning.studies.sweep_file import Sweep
from gan_lightning.studies.trial import Outcome, Task, Watch
from gan_lightning.studies.worker import Job, Worker
from tests.studies import fake
from tests.studies.processes import running, started, until

Make = Callable[[Task, Watch], Outcome]
Ready = Callable[..., tuple[Worker, list[Task]]]
FINISHED = Outcome("finished", "", "a_fid", 7.0)


def in_memory(sweep: Sweep, storage: str) -> optuna.Study:
    with queue.quiet():
        return optuna.create_study(direction=sweep.goal)


@pytest.fixture
def ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ready:
    """Makes a worker whose runs ``make`` makes, and the list of those that it is given.

    Its study is in memory; below, processes share one in a database.
    """

    def worker_of(make: Make, seeds: int, **changes: Any) -> tuple[Worker, list[Task]]:
        tasks: list[Task] = []

        def noted(task: Task, watch: Watch) -> Outcome:
            tasks.append(task)
            return make(task, watch)

        monkeypatch.setattr(worker, "make", noted)
        monkeypatch.setattr(queue, "opened", in_memory)
        job = fake.job(tmp_path, ["well"], seeds, "lock", os.getpid())
        job = replace(job, content=job.content | changes.pop("content", {}), **changes)
        found = Worker(job)
        queue.fill(found.study, found.sweep, seeds)
        return found, tasks

    return worker_of


def test_a_job_is_read_as_it_was_written(tmp_path: Path) -> None:
    job = replace(fake.job(tmp_path, ["well"], 2, "lock", 7), extra=["--a=ä"], prune=True)
    assert Job(**json.loads(job.text())) == job
    assert (job.sweep.name, job.sweep.size, job.sweep.method) == ("x", 2, "grid")


def test_every_run_is_made_once_in_its_own_folder(ready: Ready, tmp_path: Path) -> None:
    found, tasks = ready(lambda task, watch: FINISHED, 3, extra=["--more=1"])
    found.work()
    assert [task.folder for task in tasks] == [tmp_path / f"seed={k}" for k in range(3)]
    assert tasks[1].words == ["gan", "fit", "--how=well", "--seed=1", "--more=1"]
    assert (tasks[0].metric, tasks[0].goal) == (None, "minimize")
    assert [t.value for t in queue.of_study(found.study)] == [7.0] * 3
    found.work()  # nothing waits, and nothing is added
    assert len(tasks) == len(found.study.trials) == 3


def test_runs_that_may_be_given_the_same_values_have_folders_of_their_own(
    ready: Ready, tmp_path: Path
) -> None:
    content = {"method": "random", "metric": {"name": "acc", "goal": "maximize"}}
    found, tasks = ready(lambda task, watch: FINISHED, 3, content=content)
    found.work()
    assert [t.folder.name.rpartition(",")[2] for t in tasks] == [f"trial={k}" for k in range(3)]
    assert (tasks[0].metric, tasks[0].goal) == ("acc", "maximize")
    assert found.study.direction.name == "MAXIMIZE"


def test_what_became_of_a_run_is_noted_with_its_value(ready: Ready) -> None:
    """What diverged has a result, the worst where nothing was measured; what crashed has none."""
    outcomes = {
        Outcome("finished", "", "a_fid", 7.0): (TrialState.COMPLETE, 7.0),
        Outcome("diverged", "NaN", "a_fid", 9.0): (TrialState.COMPLETE, 9.0),
        Outcome("diverged", "NaN"): (TrialState.COMPLETE, math.inf),
        Outcome("finished"): (TrialState.COMPLETE, math.inf),
        Outcome("stopped", "", "a_fid", 8.0): (TrialState.PRUNED, None),
        Outcome("crashed", "exit code 1"): (TrialState.FAIL, None),
        Outcome("refused", "--a is 3"): (TrialState.FAIL, None),
    }
    left = iter(outcomes)
    found, tasks = ready(lambda task, watch: next(left), len(outcomes))
    found.work()
    trials = queue.of_study(found.study)
    assert [(t.state, t.value) for t in trials] == list(outcomes.values())
    for made, task, outcome in zip(trials, tasks, outcomes, strict=True):
        notes = made.user_attrs
        assert notes[queue.OUTCOME] == outcome.state
        assert (notes[queue.REASON], notes[queue.METRIC]) == (outcome.reason, outcome.metric)
        assert notes[queue.RUN] == str(task.folder)
        assert notes[queue.WORKER] == queue.worker_name(Path(found.job.lock))


@pytest.mark.parametrize(
    ("method", "state"),
    [("random", TrialState.COMPLETE), ("bayes", TrialState.FAIL)],
)
def test_a_search_for_an_optimum_needs_the_metric_that_it_searches_by(
    ready: Ready, method: str, state: TrialState
) -> None:
    """Without it, every run would be the worst; a diverged one is."""
    content = {"method": method, "metric": {"name": "acc", "goal": "maximize"}}
    outcomes = iter([Outcome("diverged"), Outcome("finished")])
    found, _ = ready(lambda task, watch: next(outcomes), 2, content=content)
    found.work()
    diverged, finished = queue.of_study(found.study)
    assert (diverged.state, diverged.value) == (TrialState.COMPLETE, -math.inf)
    assert finished.state == state


@pytest.mark.parametrize("prune", [True, False])
def test_a_run_is_watched_and_called_hopeless_only_on_request(ready: Ready, prune: bool) -> None:
    answers = []

    def make(task: Task, watch: Watch) -> Outcome:
        answers.extend([watch(1, 9.5), watch(2, 9.0)])
        return FINISHED

    found, _ = ready(make, 1, prune=prune)
    for value in range(5):
        measured = {1: 10.0, 2: float(value)}
        found.study.add_trial(optuna.create_trial(value=1.0, intermediate_values=measured))
    found.work()
    assert answers == [False, prune]
    assert found.study.trials[0].intermediate_values == {1: 9.5, 2: 9.0}


def test_a_worker_that_is_told_to_stop_puts_its_run_back(ready: Ready) -> None:
    def make(task: Task, watch: Watch) -> Outcome:
        raise SystemExit(143)

    found, tasks = ready(make, 2)
    with pytest.raises(SystemExit):
        found.work()
    assert len(tasks) == 1
    trials = queue.of_study(found.study)
    assert [(t.user_attrs[queue.SLOT], t.state) for t in trials] == [
        (0, TrialState.FAIL),
        (1, TrialState.WAITING),
        (0, TrialState.WAITING),
    ]


def test_a_worker_that_was_taken_for_dead_goes_on_with_what_waits(ready: Ready) -> None:
    """Another process has put its run into the queue again, which is complete by then."""

    def make(task: Task, watch: Watch) -> Outcome:
        if len(tasks) == 1:
            queue.put_back(found.study, 0)
        return FINISHED

    found, tasks = ready(make, 1)
    found.work()
    assert len(tasks) == 2
    assert tasks[0].folder == tasks[1].folder
    trials = queue.of_study(found.study)
    assert [t.state for t in trials] == [TrialState.FAIL, TrialState.COMPLETE]


def test_an_error_of_the_program_is_not_taken_for_one_of_the_queue(ready: Ready) -> None:
    """It ends the worker, whose log then tells of it."""

    def make(task: Task, watch: Watch) -> Outcome:
        raise ValueError("a mistake of ours")

    found, tasks = ready(make, 1)
    with pytest.raises(RuntimeError, match="run 0 could not be made") as caught:
        found.work()
    assert str(caught.value.__cause__) == "a mistake of ours"
    assert len(tasks) == 1


def test_a_run_that_is_in_the_queue_twice_is_made_once(ready: Ready) -> None:
    found, tasks = ready(lambda task, watch: FINISHED, 1)
    with queue.quiet():
        found.study.enqueue_trial({}, user_attrs={queue.SLOT: 0})
    found.work()
    assert len(tasks) == 1
    trials = queue.of_study(found.study)
    assert [t.state for t in trials] == [TrialState.COMPLETE, TrialState.PRUNED]


# ------------------------------------------------------------------------------------ as processes


@pytest.mark.runs
def test_two_workers_share_a_study_whose_runs_fail_in_every_way(tmp_path: Path) -> None:
    """Each run is begun once, but for crashes; one that fails stops no other."""
    how = ["well", "diverged", "refused", "killed once"]
    jobs = [fake.job(tmp_path, how, 2, f"lock{k}", os.getpid()) for k in range(2)]
    study = queue.opened(jobs[0].sweep, jobs[0].storage)
    queue.fill(study, jobs[0].sweep, 8)
    for process in [started(job) for job in jobs]:
        assert process.wait(120) == 0
    starts = Counter((tmp_path / "starts").read_text().split("\n")[:-1])
    names = {f"how={h.replace(' ', '-')},seed={s}" for h in how for s in range(2)}
    assert starts == {name: 2 if "killed" in name else 1 for name in names}
    states = Counter(t.user_attrs[queue.OUTCOME] for t in queue.of_study(study))
    assert states == {"finished": 4, "diverged": 2, "refused": 2}
    assert [t.value for t in best_trials(queue.of_study(study), jobs[0].sweep)] == [7.0] * 4
    # A study that is filled again makes those again that failed, and no other.
    queue.fill(study, jobs[0].sweep, 8)
    assert [t.user_attrs[queue.SLOT] for t in queue.of_study(study, TrialState.WAITING)] == [4, 5]


@pytest.mark.runs
def test_a_worker_that_is_killed_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its run stops with it, and is in the queue again."""
    monkeypatch.setenv("FAKE_SECONDS", "600")  # it would outlive the test
    job = fake.job(tmp_path, ["slow"], 1, "lock", os.getpid())
    study = queue.opened(job.sweep, job.storage)
    queue.fill(study, job.sweep, 1)
    worker = started(job)
    until(lambda: (tmp_path / "starts").exists())
    queue.put_back_the_lost(study)
    assert len(queue.of_study(study, TrialState.RUNNING)) == 1  # it lives
    worker.kill()
    worker.wait()
    until(lambda: not running("tests.studies.fake_run slow"))
    queue.put_back_the_lost(study)
    assert [t.state for t in queue.of_study(study)] == [TrialState.FAIL, TrialState.WAITING]
    assert [t.user_attrs[queue.SLOT] for t in queue.of_study(study)] == [0, 0]


@pytest.mark.runs
def test_a_run_that_two_machines_put_into_the_queue_is_made_once(tmp_path: Path) -> None:
    job = fake.job(tmp_path, ["well"], 2, "lock", os.getpid())
    study = queue.opened(job.sweep, job.storage)
    queue.fill(study, job.sweep, 2)
    with queue.quiet():
        study.enqueue_trial({"seed": 0}, user_attrs={queue.SLOT: 0})
    assert started(job).wait(60) == 0
    assert sorted((tmp_path / "starts").read_text().split()) == ["seed=0", "seed=1"]
    states = [t.state for t in queue.of_study(study)]
    assert states == [TrialState.COMPLETE, TrialState.COMPLETE, TrialState.PRUNED]


@pytest.mark.runs
@pytest.mark.parametrize("prune", [True, False])
def test_a_run_worse_than_the_median_is_stopped_on_request(
    prune: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trial, "started", fake.started)
    monkeypatch.setattr(trial, "LOOK_EVERY", 0.05)
    monkeypatch.setenv("FAKE_SECONDS", "3")
    job = replace(fake.job(tmp_path, ["slow"], 1, "lock", os.getpid()), prune=prune)
    worker = Worker(job)
    for value in range(5):  # the fake run measures 9.0 at step 2
        measured = {2: float(value)}
        done = optuna.create_trial(value=1.0, intermediate_values=measured)
        worker.study.add_trial(done)
    queue.fill(worker.study, job.sweep, 1)
    worker.work()
    made = queue.of_study(worker.study)[-1]
    assert made.state == (TrialState.PRUNED if prune else TrialState.COMPLETE)
    assert made.user_attrs[queue.OUTCOME] == ("stopped" if prune else "finished")
