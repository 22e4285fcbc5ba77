"""From the arguments of a command to runs: folders of runs, folders of studies, patterns."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from gan_lightning.errors import UserError
from gan_lightning.report.runs import FolderRun, Run
from gan_lightning.report.wandb_file import WandbRun
from gan_lightning.run_folder import CONFIG, HISTORY, METRICS, OWNER, SCORES

SIGNS = {CONFIG, HISTORY, METRICS, SCORES, OWNER}
"""The files by which a folder is known for that of a run."""

WANDB = "wandb"
"""The folder in which W&B makes one for each start of a run."""

DEEP = 8
"""How many folders below one that was named are looked into."""


def find_runs(arguments: Sequence[str]) -> Iterator[Run]:
    """The runs in folders, below them, or in what patterns match; each once, as they are found.

    Raises:
        UserError: An argument names nothing, or nothing of a run is in what it names.
    """
    seen: set[Path] = set()
    for argument in arguments:
        found = False
        for place in _places(argument):
            for run in _below(place, DEEP):
                found = True
                resolved = run.path.resolve()
                if resolved not in seen:
                    seen.add(resolved)
                    yield run
        if not found:
            raise UserError(
                f"{argument}: no run of gan fit is in it or below it; a run's folder holds "
                f"{CONFIG}, {METRICS} and {SCORES}. Name such a folder, one that holds them, or a "
                "pattern such as 'runs/study-*'"
            )


def _places(argument: str) -> Iterator[Path]:
    """The folders that an argument names."""
    path = Path(argument).expanduser()
    if path.is_dir():
        yield path
        return
    if path.is_file():
        raise UserError(f"{argument} is a file; give the folder of a run, or one that holds runs")
    magic = glob.has_magic(argument)
    # Ignored below: Path.glob takes no absolute pattern.
    matches = sorted(glob.glob(str(path), recursive=True)) if magic else []  # noqa: PTH207
    if not matches:
        raise UserError(f"{argument}: there is no such folder, nor one that matches")
    yield from filter(Path.is_dir, map(Path, matches))


def _below(folder: Path, deep: int) -> Iterator[Run]:
    """The run that a folder holds, or those below it."""
    try:
        with os.scandir(folder) as entries:
            found = sorted((entry.name, entry.is_dir()) for entry in entries)
    except OSError:
        return
    files = {name for name, is_folder in found if not is_folder}
    if files & SIGNS and not _is_foreign(folder, files):
        yield FolderRun(folder)
        return
    folders = [name for name, is_folder in found if is_folder and not name.startswith(".")]
    yield from _of_wandb(folder, files, folders)
    for name in folders if deep and folder.name != WANDB else ():
        yield from _below(folder / name, deep - 1)


def _is_foreign(folder: Path, files: set[str]) -> bool:
    """Whether a folder only bears a file of a name that others use as well."""
    if files & {SCORES, OWNER, HISTORY}:
        return False
    if METRICS in files:
        with (folder / METRICS).open("rb") as file:
            return not file.readline(4096).startswith(b"step,") and CONFIG not in files
    return bool(files & {CONFIG}) and not _is_config(folder / CONFIG)


def _is_config(path: Path) -> bool:
    try:
        text = path.read_bytes()
    except OSError:
        return True  # it says so itself
    return not text.strip() or b"seed_everything:" in text


def _of_wandb(folder: Path, files: set[str], folders: Sequence[str]) -> Iterator[Run]:
    """The runs of W&B's own folder, whose starts have a folder each; or of one of these."""
    starts: dict[str, list[Path]] = {}
    if folder.name == WANDB:
        for name in filter(re.compile(r"(offline-)?run-\d").match, folders):
            for file in sorted((folder / name).glob("run-*.wandb")):
                starts.setdefault(file.stem, []).append(file)
    else:
        for name in sorted(files):
            if name.startswith("run-") and name.endswith(".wandb"):
                starts.setdefault(name.removesuffix(".wandb"), []).append(folder / name)
    for paths in starts.values():
        yield WandbRun(paths[0].parent, paths)
