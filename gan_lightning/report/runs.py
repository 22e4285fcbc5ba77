"""One reader of runs for all commands: the folder of ``gan fit``, or what W&B has of it."""

from __future__ import annotations

import json
import math
import os
import re
import socket
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeGuard

import yaml

from gan_lightning.report.evaluations import ScoredStep, of_file
from gan_lightning.report.logged import rows_of
from gan_lightning.report.options import SEED, Options, distinguishing_options, options_of
from gan_lightning.run_folder import CONFIG, HISTORY, METRICS, OWNER, SCORES, sample_folder

State = Literal["finished", "running", "unfinished", "crashed", "diverged", "empty", "damaged"]
TAIL = 1 << 14
"""Bytes read from the end of a log to see how far it got."""

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it is built


class Ending(NamedTuple):
    """How far a run is.

    Attributes:
        state: "finished" means that it made all the iterations that it was asked for.
        detail: The rest of the story, for a reader.
    """

    state: State
    detail: str = ""

    def __str__(self) -> str:
        """Both."""
        return f"{self.state}: {self.detail}" if self.detail else self.state


class Run(ABC):
    """A run that is read only as far as it is asked for.

    Args:
        path: Its folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    @abstractmethod
    def config(self) -> Options:
        """Every option; none where nothing says them."""

    @property
    @abstractmethod
    def ending(self) -> Ending:
        """How far it is."""

    @property
    @abstractmethod
    def step(self) -> int:
        """The last iteration that left a trace."""

    @abstractmethod
    def evaluations(self, only: int | None = None) -> Iterator[ScoredStep | None]:
        """The evaluations one by one, as they were made; ``None`` for a damaged one.

        Args:
            only: The one iteration that is asked for; others may be left out.
        """

    @abstractmethod
    def rows(self) -> Iterator[dict[str, str]]:
        """What was logged, a row per iteration: column to text."""

    @property
    def options(self) -> Options:
        """The options that can matter to a score."""
        return distinguishing_options(self.config)

    @property
    def seed(self) -> str | None:
        """The seed, as it was given."""
        return self.config.get(SEED)

    @property
    def max_steps(self) -> int | None:
        """The iterations that it was asked for, where that is a number."""
        text = self.config.get("trainer.max_steps", "")
        return int(text) if text.isdigit() else None

    @property
    def samples(self) -> dict[int, Path]:
        """Grids of images of the same latents, by iteration."""
        found = {}
        with os.scandir(folder) if (folder := sample_folder(self.path)).is_dir() else _none() as it:
            for entry in it:
                if match := re.fullmatch(r"step=(\d+)\.png", entry.name):
                    found[int(match.group(1))] = Path(entry.path)
        return dict(sorted(found.items()))


class _none:  # noqa: N801  (a folder without entries)
    def __enter__(self) -> Iterator[os.DirEntry[str]]:
        return iter(())

    def __exit__(self, *exception: object) -> None:
        pass


class FolderRun(Run):
    """What ``gan fit`` leaves."""

    @cached_property
    def _read(self) -> tuple[Options, str]:
        """The options, and what is wrong with them."""
        try:
            text = (self.path / CONFIG).read_text(encoding="utf-8")
        except FileNotFoundError:
            return {}, f"it has no {CONFIG}: no iteration was begun"
        except (OSError, UnicodeDecodeError) as error:
            return {}, f"its {CONFIG} cannot be read: {' '.join(str(error).split())}"
        seed = re.search(r"^seed_everything: (\d+)$", text, re.MULTILINE)
        same = re.sub(r"^(run|seed_everything): .*$", "", text, flags=re.MULTILINE)
        found, fault = _parsed(same)  # the runs of a study share it
        if fault:
            return {}, fault
        return (found | {SEED: seed.group(1)} if seed else found), ""

    @property
    def config(self) -> Options:
        """Every option; none where nothing says them."""
        return self._read[0]

    @cached_property
    def _history(self) -> dict[str, Any]:
        """The last line of the history: a start, or an end."""
        return _last_line(self.path / HISTORY)

    @cached_property
    def step(self) -> int:
        """The last iteration that left a trace."""
        logs = (_last_line(self.path / SCORES).get("step"), self._history.get("iteration"))
        reached = max(_last_step(self.path / METRICS), *(n if _is_count(n) else 0 for n in logs))
        if reached >= (self.max_steps or math.inf):
            return reached
        return max(reached, *self.samples, 0)  # the last of which is made at the end

    @cached_property
    def ending(self) -> Ending:
        """How far it is, by what it left: nobody is asked."""
        _, fault = self._read
        if fault:
            return Ending("empty" if "no iteration" in fault else "damaged", fault)
        so_far = made(self.step, self.max_steps)
        ended = str(self._history.get("ended", ""))
        owner = _owner(self.path)
        if owner == "alive":
            return Ending("running", so_far)
        if ended.startswith("diverged"):
            return Ending("diverged", f"{so_far}; {_why(ended)}")
        if self.max_steps is not None and self.step >= self.max_steps:
            return Ending("finished")
        if ended == "finished":
            return Ending("finished", f"{so_far}: it was told to end there")
        if owner == "gone":
            return Ending("crashed", f"{so_far}; its process ended without a word")
        if ended.startswith("crashed"):
            return Ending("crashed", f"{so_far}; {_why(ended)}")
        return Ending("unfinished", f"{so_far}; {ended}" if ended else so_far)

    def evaluations(self, only: int | None = None) -> Iterator[ScoredStep | None]:
        """The evaluations one by one."""
        return of_file(self.path / SCORES, only)

    def rows(self) -> Iterator[dict[str, str]]:
        """What was logged."""
        return rows_of(self.path / METRICS)


def _owner(run: Path) -> Literal["", "alive", "gone", "elsewhere"]:
    """What is known of the process that trains in a folder, or did until it was killed."""
    try:
        owner = json.loads((run / OWNER).read_text())
        process, host = int(owner["process"]), owner["host"]
    except (OSError, ValueError, KeyError, TypeError):
        return ""
    if host != socket.gethostname():
        return "elsewhere"
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return "gone"
    except OSError:
        pass  # another user's
    return "alive"


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def made(step: int, of: int | None) -> str:
    """How many iterations there are, in words."""
    return f"{step} iterations" if of is None else f"{step} of {of} iterations"


def _why(ended: str) -> str:
    """The first sentence of what ended a run."""
    return ended.partition(": ")[2].partition(". ")[0]


@lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[Options, str]:
    """The options of a config, and what is wrong with it."""
    try:
        found = yaml.load(text, _Loader)
    except yaml.YAMLError as error:
        return {}, f"its {CONFIG} is no YAML: {' '.join(str(error).split())[:200]}"
    if not isinstance(found, Mapping) or not {"model", "data"} <= set(found):
        return {}, f"its {CONFIG} is not that of a run of gan fit"
    return options_of(found), ""


def _tail(path: Path, size: int = TAIL) -> tuple[bytes, bool]:
    """The end of a file, and whether that is all of it."""
    try:
        with path.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(0, end - size))
            return file.read(), end <= size
    except OSError:
        return b"", True


def _last_line(path: Path) -> dict[str, Any]:
    """The last whole line of a file of JSON lines."""
    for line in reversed(_tail(path)[0].splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    return {}


def _last_step(path: Path) -> int:
    """The iteration of the last row of ``metrics.csv``, whose first column it is."""
    tail, whole = _tail(path)
    lines = tail[: tail.rfind(b"\n") + 1].splitlines()
    for line in reversed(lines[0 if whole else 1 :]):
        first = line.partition(b",")[0]
        if first.isdigit():
            return int(first)
    return 0
