"""A study in Optuna's storage: which runs wait, which are made, and by whom.

Every run is put into the queue before any starts: one of a grid with its values, one of a random or
bayes sweep to be drawn when it starts. Taking a run from the queue is one transaction of the
database, so no two workers take the same: of SQLite too, see `_in_turn`.
"""

from __future__ import annotations

import itertools
import logging
import socket
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import optuna
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.storages import RDBStorage, RetryHeartbeatStaleTrialCallback, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy import Engine, event
from sqlalchemy.exc import IntegrityError

from gan_lightning.errors import UserError, one_line
from gan_lightning.files import json_sha256
from gan_lightning.studies.folders import is_free
from gan_lightning.studies.parameters import Choice
from gan_lightning.studies.sweep_file import Sweep, Values

BEAT, GRACE = 15, 120
"""Seconds between two signs of life of a run, and after how many without one its worker is dead."""

SQLITE = {"timeout": 60, "isolation_level": None}
"""Of its connections: seconds to wait for their turn; and no transaction that begins of itself."""

SLOT, WORKER, RUN = "slot", "worker", "run"
OUTCOME, REASON, METRIC = "outcome", "reason", "metric"
"""What the study notes of a run, beside its values."""


@contextmanager
def quiet() -> Iterator[None]:
    """Without Optuna's own advice: what it warns of is meant here, or is of no use to a user."""
    optuna.logging.set_verbosity(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        warnings.simplefilter("ignore", UserWarning)
        yield


def opened(sweep: Sweep, storage: str, attempts: int = 10) -> optuna.Study:
    """The study of a sweep file; it is made where there is none.

    Args:
        sweep: Studies of different commands or parameters are different.
        storage: Optuna's URL of a database.
        attempts: How often it is tried, a second apart, while others make the same study.

    Raises:
        UserError: There is no such database.
    """
    try:
        with quiet():
            return optuna.create_study(
                storage=_database(storage),
                study_name=study_name(sweep),
                direction=sweep.goal,
                load_if_exists=True,
            )
    except Exception as error:  # SQLAlchemy's and the drivers' own, of many kinds
        if attempts > 1 and _is_made_elsewhere(error):
            time.sleep(1)
            return opened(sweep, storage, attempts - 1)
        raise UserError(
            f"{_without_password(storage)} is refused: {one_line(error)}", "storage"
        ) from error


def _database(storage: str) -> RDBStorage:
    is_sqlite = storage.startswith("sqlite")
    database = RDBStorage(
        storage,
        engine_kwargs={"connect_args": SQLITE} if is_sqlite else {},
        heartbeat_interval=BEAT,
        grace_period=GRACE,
        heartbeat_stale_trial_callback=RetryHeartbeatStaleTrialCallback(),
    )
    if is_sqlite:
        _in_turn(database.engine)
    return database


def _is_made_elsewhere(error: Exception) -> bool:
    """Whether another process makes the database's tables or the study at this moment.

    The jobs of a cluster's array begin together, and each finds the database empty.
    """
    return isinstance(error, IntegrityError) or "already exists" in str(error)


def _in_turn(engine: Engine) -> None:
    """Makes every transaction take SQLite's one lock when it begins, and wait for its turn.

    Optuna looks whether a run still waits and then marks it as taken, and relies on the row's lock
    (``SELECT ... FOR UPDATE``) in between. SQLite has no such locks, and Python's driver begins a
    transaction no sooner than it writes: two workers that look at the same moment take the same
    run. (SQLAlchemy's documentation of its SQLite dialect, on transactions with pysqlite.)
    """
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))


def _without_password(storage: str) -> str:
    scheme, separator, rest = storage.partition("://")
    return scheme + separator + rest.rpartition("@")[2]


def study_name(sweep: Sweep) -> str:
    """The study's name in its database: the file's, and a digest of what its runs are."""
    content = {key: sweep.raw.get(key) for key in ("command", "method", "metric", "parameters")}
    return f"{sweep.name}-{json_sha256(content)[:8]}"


def fill(study: optuna.Study, sweep: Sweep, trials: int) -> None:
    """Puts into the queue what is not there, made or being made: new runs, and failed ones."""
    alive = {t.user_attrs.get(SLOT) for t in of_study(study) if t.state != TrialState.FAIL}
    grid = list(sweep.grid())[:trials] if sweep.method == "grid" else [{}] * trials
    tokens = {p.name: p for p in sweep.parameters if isinstance(p, Choice) and len(p.values) > 1}
    for slot, values in enumerate(grid):
        if slot not in alive:
            fixed = {
                name: tokens[name].tokens[tokens[name].values.index(value)]
                if name in tokens
                else value
                for name, value in values.items()
                if name in sweep.varied
            }
            with quiet():
                study.enqueue_trial(fixed, user_attrs={SLOT: slot})


def of_study(study: optuna.Study, *states: TrialState) -> list[FrozenTrial]:
    """The runs that were put into the queue, in some states."""
    trials = study.get_trials(deepcopy=False, states=states or None)
    return [trial for trial in trials if SLOT in trial.user_attrs]


def is_repeated(study: optuna.Study, trial: optuna.Trial) -> bool:
    """Whether a run is in the queue a second time: two machines filled it at the same moment."""
    slot = trial.user_attrs[SLOT]
    return any(
        other.number < trial.number
        for other in of_study(study)
        if other.user_attrs[SLOT] == slot and other.state != TrialState.FAIL
    )


def sampler(sweep: Sweep, slot: int) -> BaseSampler:
    """Draws the values of one run; a function of its place in the queue, whoever makes it."""
    seed = int.from_bytes(sha256(f"{sweep.name}/{slot}".encode()).digest()[:4])
    with quiet():
        if sweep.method == "bayes":
            return TPESampler(seed=seed, constant_liar=True)
        return RandomSampler(seed=seed)


def values_of(study: optuna.Study, sweep: Sweep, trial: optuna.Trial) -> Values:
    """The values of a run that was taken from the queue."""
    study.sampler = sampler(sweep, trial.user_attrs[SLOT])
    with quiet():
        return {p.name: p.suggest(trial) for p in sweep.parameters}


def all_values(sweep: Sweep, trials: int) -> Iterator[Values]:
    """The values of every run, those of a bayes sweep as if none had been measured."""
    if sweep.method == "grid":
        yield from itertools.islice(sweep.grid(), trials)
        return
    with quiet():
        study = optuna.create_study()
        for slot in range(trials):
            study.enqueue_trial({}, user_attrs={SLOT: slot})
            yield values_of(study, sweep, study.ask())


# ------------------------------------------------------------------------------- workers that ended


def worker_name(lock: Path) -> str:
    """How a worker signs the runs that it makes: its machine, and the lock that ends with it."""
    return f"{socket.gethostname()}:{lock}"


def put_back_the_lost(study: optuna.Study) -> None:
    """Puts runs back into the queue whose workers are no more, to go on from their checkpoints.

    Of workers on this machine their locks tell at once; of others, their silence.
    """
    with quiet():
        fail_stale_trials(study)
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        host, _, lock = str(trial.user_attrs.get(WORKER, "")).partition(":")
        if lock:
            lost = host == socket.gethostname() and is_free(Path(lock))
        else:  # it was killed before it could sign
            begun = trial.datetime_start
            lost = begun is not None and time.time() - begun.timestamp() > GRACE
        if lost:
            put_back(study, trial.number)


def put_back(study: optuna.Study, number: int) -> None:
    """Puts a run back into the queue that was begun and is made no longer."""
    trial = study.get_trials(deepcopy=False)[number]
    try:
        study.tell(number, state=TrialState.FAIL)
    except (ValueError, optuna.exceptions.UpdateFinishedTrialError):  # another process was first
        return
    if SLOT in trial.user_attrs:
        with quiet():
            RetryHeartbeatStaleTrialCallback()(study, trial)
