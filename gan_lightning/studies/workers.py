"""Makes a study on this machine: fills the queue, and keeps workers at it until it is empty."""

from __future__ import annotations

import itertools
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import optuna
from optuna.trial import TrialState

from gan_lightning.errors import UserError
from gan_lightning.files import told, write_whole
from gan_lightning.studies import queue
from gan_lightning.studies.machine import cores, share
from gan_lightning.studies.progress import StudyProgress
from gan_lightning.studies.sweep_file import Sweep
from gan_lightning.studies.trial import stop
from gan_lightning.studies.worker import Job

LOOK_EVERY = 1.0
"""Seconds between two looks at the workers."""

STUDY, DATABASE, LOCKS = "study.json", "study.db", ".workers"
"""What a study's folder holds beside the folders of its runs."""

FALLS = 3
"""How often in a row workers may end of themselves before anything is made."""


class Workers:
    """The workers of a study on this machine.

    Args:
        sweep: Which runs.
        extra: Options of every run.
        folder: The study's.
        storage: Optuna's URL; by default a file in the study's folder.
        workers: How many.
        trials: How many runs.
        prune: Whether hopeless runs are stopped.
        gpus: The names of those that may be used.
    """

    def __init__(
        self,
        sweep: Sweep,
        extra: Sequence[str],
        folder: Path,
        storage: str | None,
        workers: int,
        trials: int,
        prune: bool,
        gpus: Sequence[str],
    ) -> None:
        self.sweep, self.extra, self.folder = sweep, list(extra), folder
        self.storage = storage or f"sqlite:///{(folder / DATABASE).resolve()}"
        self.workers, self.trials, self.prune, self.gpus = workers, trials, prune, gpus
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        self._locks = (folder / LOCKS / f"{os.getpid()}-{n}" for n in itertools.count())
        self._falls = 0
        self._waits = False

    def run(self) -> bool:
        """Makes every run that has no result yet.

        Returns:
            Whether all of them have one now.
        """
        self._claim_folder()
        study = queue.opened(self.sweep, self.storage)
        queue.put_back_the_lost(study)
        progress = StudyProgress(study, self.sweep, self.trials)
        queue.fill(study, self.sweep, self.trials)
        progress.begin(self.folder, self.workers)
        with self._ended_with_this_process():
            while self._is_to_go_on(study):
                time.sleep(LOOK_EVERY)
                if progress.look():
                    self._falls = 0
        progress.look()
        return progress.end(self.folder)

    def _claim_folder(self) -> None:
        """Notes in the folder what its runs are, or compares with what they were.

        Raises:
            UserError: They are runs of another command.
        """
        with told(self.folder, "Choose another folder with `out`"):
            (self.folder / LOCKS).mkdir(parents=True, exist_ok=True)
        path = self.folder / STUDY
        own = {"command": list(self.sweep.command), "extra": self.extra}
        before = _noted(path) if path.exists() else own
        if before != own:
            words = itertools.chain.from_iterable(before.values())
            what = f"runs of {shlex.join(words)}" if before else f"a damaged {STUDY}"
            raise UserError(
                f"{self.folder} holds {what}; choose another folder, or delete {path} if that "
                "makes no difference",
                "out",
            )
        write_whole(path, json.dumps(own))

    def _is_to_go_on(self, study: optuna.Study) -> bool:
        """Looks after the workers, and says whether there is anything left to wait for.

        Raises:
            UserError: Workers end without having made anything, time and again.
        """
        ended = [k for k, process in self._processes.items() if process.poll() is not None]
        for k in ended:
            self._falls = self._falls + 1 if self._processes.pop(k).returncode else 0
        if self._falls > FALLS:
            raise UserError(f"workers end one after the other; see {self.folder / LOCKS}")
        queue.put_back_the_lost(study)
        waiting = len(queue.of_study(study, TrialState.WAITING))
        running = len(queue.of_study(study, TrialState.RUNNING))
        idle = [k for k in range(self.workers) if k not in self._processes]
        for k in idle[:waiting]:
            self._processes[k] = self._start(k)
        if running and not waiting and not self._processes and not self._waits:
            print(f"{running} runs are made by other processes; waiting for them", flush=True)
            self._waits = True
        return bool(waiting or running or self._processes)

    def _start(self, worker: int) -> subprocess.Popen[bytes]:
        lock = next(self._locks).resolve()
        job = Job(
            name=self.sweep.name,
            content=dict(self.sweep.raw),
            extra=self.extra,
            folder=str(self.folder),
            storage=self.storage,
            prune=self.prune,
            parent=os.getpid(),
            lock=str(lock),
        )
        with lock.with_suffix(".log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "gan_lightning.studies.worker"],
                stdin=subprocess.PIPE,  # unlike arguments, not for everyone to read
                stdout=log,
                stderr=log,
                env={**os.environ, **share(worker, self.workers, self.gpus, cores())},
                start_new_session=True,  # Ctrl-C is for this process
            )
        assert process.stdin is not None
        process.stdin.write(job.text().encode())
        process.stdin.close()
        return process

    @contextmanager
    def _ended_with_this_process(self) -> Iterator[None]:
        """Lets the workers save and stop when this process is asked to."""
        previous = signal.signal(signal.SIGTERM, _as_exit)
        try:
            yield
        except (KeyboardInterrupt, SystemExit):
            sys.stderr.write(
                "\nStopping: each run finishes its iteration and saves. The same command goes on.\n"
            )
            raise
        finally:
            signal.signal(signal.SIGTERM, previous)
            for process in self._processes.values():
                process.terminate()
            for process in self._processes.values():
                stop(process)


def _noted(path: Path) -> dict[str, list[str]]:
    """What a study's file notes; nothing, where it is damaged."""
    try:
        noted = json.loads(path.read_bytes())
        return {key: [str(word) for word in noted[key]] for key in ("command", "extra")}
    except (ValueError, KeyError, TypeError):
        return {}


def _as_exit(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
