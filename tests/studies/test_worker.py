"""A worker makes the runs of a study one after the other, and is told of by what it leaves."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState

from gan_lightning.studies import queue, trial
from gan_lightning.studies.progress import best_of
from gan_lightning.studies.worker import Worker
from tests.studies import fake
from tests.studies.processes import running, started, until

pytestmark = pytest.mark.runs


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
    assert [t.value for t in best_of(queue.of_study(study), jobs[0].sweep)] == [7.0] * 4
    # A study that is filled again makes those again that failed, and no other.
    queue.fill(study, jobs[0].sweep, 8)
    assert [t.user_attrs[queue.SLOT] for t in queue.of_study(study, TrialState.WAITING)] == [4, 5]


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
