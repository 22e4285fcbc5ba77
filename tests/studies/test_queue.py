"""The queue of a study's runs: what several processes do to it at the same moment."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import TypeVar

import optuna
import pytest
from optuna.trial import TrialState

from gan_lightning.errors import UserError
from gan_lightning.studies import queue
from gan_lightning.studies.sweep_file import Sweep, understood

pytestmark = pytest.mark.filterwarnings(  # the queue hides them, but only in one thread at a time
    "ignore::optuna.exceptions.ExperimentalWarning", "ignore:Heartbeat of storage:UserWarning"
)
T = TypeVar("T")
TOGETHER = 4


def grid(runs: int) -> Sweep:
    """A sweep over so many seeds."""
    content = {
        "command": ["gan", "fit", "${args}"],
        "method": "grid",
        "parameters": {"seed": {"values": list(range(runs))}},
    }
    return understood(content, "x")


def drawn_sweep(name: str, method: str) -> Sweep:
    """One whose values are drawn."""
    content = {
        "command": ["gan", "fit", "${args}"],
        "method": method,
        "metric": {"name": "fid", "goal": "minimize"},
        "parameters": {"lr": {"min": 0.0, "max": 1.0}, "norm": {"values": ["a", "b"]}},
    }
    return understood(content, name)


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_values_are_drawn_by_place_whoever_draws(method: str) -> None:
    sweep = drawn_sweep("x", method)
    values = list(queue.all_values(sweep, 20))
    assert values == list(queue.all_values(sweep, 20))
    assert len({v["lr"] for v in values}) == 20
    assert {v["norm"] for v in values} == {"a", "b"}


def test_a_storage_that_is_none_is_refused_without_its_password() -> None:
    sweep = drawn_sweep("x", "random")
    with pytest.raises(UserError, match="storage") as caught:
        queue.opened(sweep, "nosuch://me:secret@there/db")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("method", ["random", "bayes"])
def test_values_are_a_function_of_the_sweep_and_the_place_in_its_queue(method: str) -> None:
    """Whoever draws them; another place or another sweep draws others."""

    def drawn(name: str, slot: int) -> list[float]:
        study = optuna.create_study(sampler=queue.sampler(drawn_sweep(name, method), slot))
        trial = study.ask()
        return [trial.suggest_float(f"x{k}", 0, 1) for k in range(3)]

    places = [("a", 0), ("a", 1), ("b", 0)]
    first = [drawn(*place) for place in places]
    assert first == [drawn(*place) for place in places]
    assert len({value for values in first for value in values}) == 9


def together(work: Callable[[], T]) -> list[T]:
    """What this gives to each of several who begin it at the same moment."""
    gate = Barrier(TOGETHER)

    def one(_: int) -> T:
        gate.wait(60)
        return work()

    with ThreadPoolExecutor(TOGETHER) as pool:
        return list(pool.map(one, range(TOGETHER)))


def test_no_two_workers_take_the_same_run_and_none_is_left(tmp_path: Path) -> None:
    """Each has connections of its own to the database, as processes have."""
    sweep, storage = grid(60), f"sqlite:///{tmp_path / 'study.db'}"
    queue.fill(queue.opened(sweep, storage), sweep, 60)
    ready = Barrier(TOGETHER)

    def work() -> list[int]:
        study = queue.opened(sweep, storage)
        ready.wait(60)
        taken = []
        while queue.of_study(study, TrialState.WAITING):
            taken.append(study.ask())
        return [trial.user_attrs[queue.SLOT] for trial in taken if trial.user_attrs]

    taken = together(work)
    assert sorted(itertools.chain.from_iterable(taken)) == list(range(60))
    assert sum(map(bool, taken)) > 1  # they did share them


def test_a_study_is_begun_by_several_at_the_same_moment(tmp_path: Path) -> None:
    """As the jobs of a cluster's array do."""
    storage = f"sqlite:///{tmp_path / 'study.db'}"
    studies = together(lambda: queue.opened(grid(3), storage))
    assert len({study._study_id for study in studies}) == 1


def test_what_is_no_database_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what others are making is tried again."""
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    (tmp_path / "study.db").write_text("no database, but longer than a header of one" * 10)
    with pytest.raises(UserError, match="not a database"):
        queue.opened(grid(1), f"sqlite:///{tmp_path / 'study.db'}")
    assert waits == []
