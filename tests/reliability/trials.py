"""The trials: each harms a run in one way at a random moment and lets it go on to its end.

A trial returns what went wrong, in words; nothing for one that was passed.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch

from tests.reliability.process import Process, start
from tests.reliability.runs import SETTINGS, Bench

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1)


@dataclass
class Trial:
    """One trial.

    Args:
        bench: Where.
        setting: Which of `SETTINGS`.
        run: Its folder.
        rng: Its dice.
    """

    bench: Bench
    setting: str
    run: Path
    rng: random.Random

    def __post_init__(self) -> None:
        self.harms = 0
        _, self.seconds = self.bench.whole(self.setting)
        self.faults: list[str] = []

    def start(self, largest_file: int | None = None) -> Process:
        """Starts or resumes the run."""
        return self.bench.start(self.setting, self.run, largest_file)

    def wait(self) -> None:
        """Lets some random time of a run pass, from its first moment to its last."""
        time.sleep(self.rng.uniform(0, 0.9 * self.seconds))

    def expect(self, condition: bool, words: str, process: Process) -> None:
        """Notes what should not have been."""
        if not condition:
            self.faults.append(f"{words}: {process.text()[-400:]}")

    def finish(self) -> None:
        """Lets the run go on to its end and compares it."""
        process = self.start()
        code = process.wait()
        self.expect(code == 0, f"exit code {code} instead of 0", process)
        if code == 0:
            self.faults += self.bench.differences(self.setting, self.run)

    def stop_somewhere(self) -> None:
        """Kills a fresh run after its first checkpoint and before its last."""
        process = self.start()
        for _ in range(4000):
            if len(list((self.run / "checkpoints").glob("step=*.ckpt"))) >= 2:
                break
            time.sleep(0.002)
        process.signal(signal.SIGKILL)
        process.wait()


def kills(trial: Trial) -> None:
    """SIGKILL at two to four random moments, of the first run and of the resumed ones."""
    for _ in range(trial.rng.randint(2, 4)):
        process = trial.start()
        trial.wait()
        process.signal(signal.SIGKILL)
        trial.harms += process.wait() == -signal.SIGKILL
    trial.finish()


def signals(trial: Trial) -> None:
    """A signal that asks to stop, at a random moment."""
    number = trial.rng.choice(STOPS)
    process = trial.start()
    trial.wait()
    process.signal(number)
    code = process.wait()
    trial.harms += code != 0
    # A child that has not come to its first statement yet has no owner of signals.
    trial.expect(code in (0, 128 + number, -number), f"exit code {code} after {number}", process)
    trial.finish()


def two_signals(trial: Trial) -> None:
    """An impatient user: a second signal a moment later."""
    process = trial.start()
    trial.wait()
    for number in (trial.rng.choice(STOPS), trial.rng.choice(STOPS)):
        process.signal(number)
        time.sleep(trial.rng.uniform(0, 0.02))
    trial.harms += process.wait() != 0
    trial.finish()


def damage(trial: Trial) -> None:
    """A last checkpoint that is truncated, empty, text, foreign, or has one flipped bit."""
    trial.stop_somewhere()
    path = trial.run / "checkpoints" / "last.ckpt"
    content = bytearray(path.read_bytes())
    how = trial.rng.choice(["truncated", "empty", "text", "foreign", "bit", "bit", "bit"])
    if how == "truncated":
        path.write_bytes(content[: trial.rng.randrange(1, len(content))])
    elif how == "empty":
        path.write_bytes(b"")
    elif how == "text":
        path.write_text("no checkpoint\n")
    elif how == "foreign":
        path.write_bytes(b"PK\x03\x04" + trial.rng.randbytes(1000))
    else:
        content[trial.rng.randrange(len(content))] ^= 1 << trial.rng.randrange(8)
        path.write_bytes(content)
    trial.harms += 1
    trial.finish()


def full_disk(trial: Trial) -> None:
    """A disk that is full in the middle of a checkpoint, or of a smaller file."""
    whole, _ = trial.bench.whole(trial.setting)
    size = (whole / "checkpoints" / "last.ckpt").stat().st_size
    process = trial.start(largest_file=trial.rng.randrange(6_000, size))
    code = process.wait()
    trial.harms += 1
    trial.expect(code == 2, f"exit code {code} on a full disk", process)
    trial.expect("Traceback" not in process.text(), "a traceback", process)
    trial.finish()


def two_writers(trial: Trial) -> None:
    """Two processes told to train in one folder."""
    first = trial.start()
    trial.wait()
    output = trial.run.with_suffix(".second.txt")
    second = start(trial.bench.command(trial.setting, trial.run), output)
    codes = (first.wait(), second.wait())
    trial.harms += 1
    trial.expect(codes in ((0, 2), (2, 0), (0, 0)), f"exit codes {codes}", second)
    trial.finish()


def torn_files(trial: Trial) -> None:
    """A power failure: a torn last line of a log, a torn config or note of the best.

    What was logged before a checkpoint is on the disk when it is, so that only later lines tear.
    """
    trial.stop_somewhere()
    name = trial.rng.choice(["metrics.csv", "scores.jsonl", "config.yaml", "checkpoints/best.json"])
    path = trial.run / name
    if path.exists():
        content = path.read_bytes()
        if name.endswith((".csv", ".jsonl")):
            line = content.splitlines()[-1]
            path.write_bytes(content + line[: trial.rng.randrange(1, len(line))])
        else:
            path.write_bytes(content[: trial.rng.randrange(len(content))])
    trial.harms += 1
    trial.finish()


KINDS: dict[str, tuple[Callable[[Trial], None], int]] = {
    "SIGKILL at random moments": (kills, 54),
    "SIGTERM, SIGINT, SIGUSR1": (signals, 48),
    "two signals": (two_signals, 12),
    "damaged checkpoints": (damage, 48),
    "full disk": (full_disk, 24),
    "two writers": (two_writers, 12),
    "torn files": (torn_files, 24),
}
"""Each kind of trial, and how many of it the page has."""


@dataclass
class Outcome:
    """What became of one trial."""

    kind: str
    setting: str
    harms: int
    faults: list[str]


def plan(share: float) -> list[tuple[str, int]]:
    """Kinds and numbers of the trials, mixed so that any part of them is like the whole."""
    counts = {kind: max(1, round(count * share)) for kind, (_, count) in KINDS.items()}
    places = [((n + 0.5) / count, kind, n) for kind, count in counts.items() for n in range(count)]
    return [(kind, n) for _, kind, n in sorted(places)]


def outcome(folder: Path, kind: str, number: int) -> Outcome:
    """Makes a trial; its setting and its dice depend on its kind and number alone."""
    harm, _ = KINDS[kind]
    setting = list(SETTINGS)[number % len(SETTINGS)]
    rng = random.Random(f"{kind} {number}")
    try:
        trial = Trial(bench(folder), setting, folder / f"{kind} {number}", rng)
        harm(trial)
    except Exception as error:  # a trial that breaks is a trial that failed
        return Outcome(kind, setting, 0, [f"{type(error).__name__}: {error}"])
    if not trial.faults:
        shutil.rmtree(trial.run, ignore_errors=True)
    return Outcome(kind, setting, trial.harms, trial.faults)


@cache
def bench(folder: Path) -> Bench:
    """Where this process tries things; another one has another."""
    own = folder / f"process {os.getpid()}"
    own.mkdir(parents=True)
    return Bench(own)


torch.set_num_threads(1)  # forks inherit no threads
