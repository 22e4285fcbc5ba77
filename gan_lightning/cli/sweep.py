"""``gan sweep``: every run of a sweep file, checked before any starts."""

from __future__ import annotations

import itertools
import json
import os
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch

from gan_lightning.cli.rehearsal import rehearse
from gan_lightning.errors import UserError
from gan_lightning.studies import queue
from gan_lightning.studies.commands import words
from gan_lightning.studies.machine import visible_gpus
from gan_lightning.studies.parameters import Choice, Parameter
from gan_lightning.studies.sweep_file import Sweep, Values, read_sweep
from gan_lightning.studies.workers import Workers


def sweep(
    file: str,
    workers: int | None = None,
    out: str | None = None,
    storage: str | None = None,
    max_trials: int | None = None,
    prune: bool = False,
    dry_run: bool = False,
    args: Sequence[str] = (),
) -> None:
    """Makes every run of a sweep file on this machine; the same command goes on after a stop.

    Args:
        file: A sweep file in W&B's format, such as ``sweeps/digits.yaml``. Its ``--config
            configs/wandb.yaml`` is left out, so that no account is needed.
        workers: Runs made at a time; by default one per visible GPU. GPUs and cores are divided
            among them.
        out: Folder of the study, with a folder per run; by default ``runs/<name of the file>``.
        storage: Database of the study, as Optuna's URL, for several machines that share it; by
            default a SQLite file in the study's folder, for one machine.
        max_trials: The number of runs; needed for random and bayes, unless the file has a
            ``run_cap``. Of a grid, the first runs.
        prune: Stop runs whose FID is worse than the median of the others' at the same iteration.
        dry_run: Print every command and start none.
        args: Options of every run, also typed behind ``--``: ``gan sweep FILE -- --data.root X``.
    """
    study = read_sweep(file)
    _check_number("workers", workers)
    _check_number("max_trials", max_trials)
    trials = _number_of_runs(study, max_trials)
    try:
        rehearse(words(study.command, values, args)[1:] for values in samples(study))
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    if dry_run:
        for values in queue.all_values(study, trials):
            print(shlex.join(words(study.command, values, args)))
        return
    gpus = visible_gpus(torch.cuda.device_count(), os.environ)
    complete = Workers(
        study,
        args,
        Path(out or f"runs/{study.name}"),
        storage,
        workers or max(1, len(gpus)),
        trials,
        prune,
        gpus,
    ).run()
    if not complete:
        raise SystemExit(1)


def _check_number(argument: str, value: int | None) -> None:
    if value is not None and value < 1:
        raise UserError(f"must be >= 1, got {value}", argument)


def _number_of_runs(study: Sweep, most: int | None) -> int:
    """How many runs there are to be.

    Raises:
        UserError: Nobody says.
    """
    sizes = [size for size in (study.size, most) if size is not None]
    if not sizes:
        raise UserError(
            f"is needed: {study.name} draws its runs at random and has no run_cap", "max_trials"
        )
    return min(sizes)


def samples(study: Sweep) -> Iterator[Values]:
    """Enough of a sweep's runs to see whether each would be parsed.

    Every combination of what is no number, for a class may lack the option that another has; and
    each number once, for it is of the right kind or not whatever stands beside it.
    """
    lists = {p.name: _values(p) for p in study.parameters}
    numeric = [name for name, values in lists.items() if all(map(_is_number, values))]
    combined = [lists[name][:1] if name in numeric else lists[name] for name in lists]
    for values in itertools.product(*combined):
        yield dict(zip(lists, values, strict=True))
    first = {name: values[0] for name, values in lists.items()}
    for name in numeric:
        for value in lists[name][1:]:
            yield {**first, name: value}


def _values(parameter: Parameter) -> list[object]:
    """The values of a list; the ends of a range."""
    if isinstance(parameter, Choice):
        return list(parameter.values)
    return list(parameter.ends())


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def with_file_named(arguments: Sequence[str]) -> list[str]:
    """The arguments of ``gan sweep FILE ... -- OPTIONS`` as options.

    >>> with_file_named(["a.yaml", "--dry-run", "--", "--data.root", "x"])
    ['--file', 'a.yaml', '--dry_run=true', '--args=["--data.root", "x"]']
    >>> with_file_named(["a.yaml", "--dry_run", "false", "--workers", "2"])
    ['--file', 'a.yaml', '--dry_run', 'false', '--workers', '2']
    """
    own = list(itertools.takewhile(lambda word: word != "--", arguments))
    extra = list(arguments[len(own) + 1 :])
    if own and not own[0].startswith("-"):
        own.insert(0, "--file")
    for place, (word, value) in enumerate(itertools.zip_longest(own, own[1:])):
        if word in ("--dry-run", "--dry_run") and value not in ("true", "false"):
            own[place] = "--dry_run=true"
    return [*own, f"--args={json.dumps(extra)}"] if extra else own
