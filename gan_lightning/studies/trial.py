"""One run of a study: its process, from start to end, and what became of it."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from gan_lightning.errors import TrainingDiverged, UserError
from gan_lightning.run_folder import OUTPUT
from gan_lightning.studies.commands import started
from gan_lightning.studies.folders import history, is_complete, is_trained
from gan_lightning.studies.launch import through

LOOK_EVERY = 1.0
"""Seconds between two looks at a process."""

PATIENCE = 600.0
"""Seconds that a run which is asked to stop has to finish its iteration and to save."""

Watch = Callable[[int, float], bool]
"""Is told each new value of the metric with its iteration, and says whether to stop the run."""


@dataclass(frozen=True)
class Outcome:
    """What became of a run.

    Args:
        state: "finished", "diverged", "stopped" (it was hopeless), "refused" (a user's mistake) or
            "crashed".
        reason: A sentence, where it did not finish.
        metric: The column that was looked at; "" where nothing was measured.
        value: Its best value.
    """

    state: str
    reason: str = ""
    metric: str = ""
    value: float | None = None

    @property
    def failed(self) -> bool:
        """Whether there is no result."""
        return self.state in ("refused", "crashed")


@dataclass(frozen=True)
class Task:
    """What it takes to make a run.

    Args:
        words: Of its command.
        folder: Its folder.
        environment: Of its process.
        metric: What counts; None for its FID.
        goal: "minimize" or "maximize".
    """

    words: Sequence[str]
    folder: Path
    environment: Mapping[str, str]
    metric: str | None
    goal: str


def make(task: Task, watch: Watch, attempts: int = 2) -> Outcome:
    """Makes a run, or what is left of it; a crash is tried once more, from its last checkpoint.

    Args:
        task: The run.
        watch: Looks at the metric while it trains.
        attempts: How many crashes it takes to give up.
    """
    wait_for_folder(task.folder)
    code, stopped = 0, False
    for _ in range(attempts):
        if is_complete(task.folder):
            return _measured(task, "finished")
        code, stopped = _run(task, watch)
        if stopped:
            return _measured(task, "stopped")
        if code == 0:
            return _measured(task, "finished")
        if code == TrainingDiverged.exit_code:
            return _measured(task, "diverged", last_line(task.folder))
        if code == UserError.exit_code:
            return Outcome("refused", last_line(task.folder))
    how = f"killed by signal {-code}" if code < 0 else f"exit code {code}"
    return Outcome("crashed", f"{how}, {attempts} times; {last_line(task.folder)}")


def wait_for_folder(folder: Path) -> None:
    """Waits while another process trains there, which an earlier study left behind."""
    while is_trained(folder):
        time.sleep(LOOK_EVERY)


def _measured(task: Task, state: str, reason: str = "") -> Outcome:
    metric, values = history(task.folder, task.metric)
    best = min if task.goal == "minimize" else max
    return Outcome(state, reason, metric, best(values.values()) if values else None)


def _run(task: Task, watch: Watch) -> tuple[int, bool]:
    """Runs the process to its end.

    Returns:
        Its exit code, and whether it was stopped because ``watch`` said so.
    """
    task.folder.mkdir(parents=True, exist_ok=True)
    with (task.folder / OUTPUT).open("ab") as output:
        process = subprocess.Popen(
            through(started(task.words, task.folder)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(task.environment),
            start_new_session=True,  # Ctrl-C asks the study to stop, and the study asks its runs
        )
    seen: set[int] = set()
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                return process.wait(LOOK_EVERY), False
            if _hopeless(task, watch, seen):
                return stop(process), True
    finally:
        stop(process)


def _hopeless(task: Task, watch: Watch, seen: set[int]) -> bool:
    """Tells ``watch`` what is new."""
    _, values = history(task.folder, task.metric)
    new = {step: value for step, value in sorted(values.items()) if step not in seen}
    seen |= set(new)
    answers = [watch(step, value) for step, value in new.items()]  # it is told of all of them
    return any(answers)


def stop(process: subprocess.Popen[bytes]) -> int:
    """Asks a process to save and stop, once, and waits until it has."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
    return process.wait()


def last_line(folder: Path) -> str:
    """The last line that a run printed."""
    try:
        lines = (folder / OUTPUT).read_text(errors="replace").replace("\r", "\n").splitlines()
    except OSError:
        return ""
    said = [line.strip() for line in lines if line.strip()]
    return next(iter(said[-1:]), "").removeprefix("gan: error: ")
