"""What a run's folder says of how far it is and how good; read without torch."""

from __future__ import annotations

import csv
import math
import pickle
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from gan_lightning.run_folder import CONFIG, LAST, LOCK, METRICS, checkpoint_folder


def is_complete(run: str | Path) -> bool:
    """Whether a run has made all the iterations that its config asks for."""
    wanted = _max_steps(Path(run))
    return wanted > 0 and checkpoint_step(checkpoint_folder(run) / LAST) >= wanted


def _max_steps(run: Path) -> int:
    try:
        steps = yaml.load((run / CONFIG).read_text(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))
        return int(steps["trainer"]["max_steps"])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError):
        return -1


def checkpoint_step(path: str | Path) -> int:
    """The generator updates behind a checkpoint; -1 where there is no whole one.

    torch's archive is a ZIP of a pickle of plain values and, apart from it, the tensors' bytes. Of
    the pickle only plain values are built, and nothing is imported.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            name = next(n for n in archive.namelist() if n.endswith("/data.pkl"))
            with archive.open(name) as file:
                return int(_PlainValues(file).load()["global_step"])
    except Exception:  # whatever a damaged archive makes of zipfile and pickle
        return -1


class _PlainValues(pickle.Unpickler):
    """Reads containers and numbers; whatever else there is becomes nothing."""

    def find_class(self, module: str, name: str) -> Any:  # noqa: ANN401  (as pickle's)
        return OrderedDict if (module, name) == ("collections", "OrderedDict") else _Nothing

    def persistent_load(self, pid: object) -> object:
        return _Nothing()


class _Nothing:
    """Takes anything, and keeps nothing."""

    def __new__(cls, *args: Any, **kwargs: Any) -> _Nothing:
        return super().__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass

    def __setitem__(self, key: object, value: object) -> None:
        pass


def history(run: str | Path, metric: str | None) -> tuple[str, dict[int, float]]:
    """A metric over the iterations: its column in metrics.csv, and step to finite value.

    Args:
        run: The run's folder.
        metric: The column's name; None for the FID, that of the moving average if there is one.

    Returns:
        "" and nothing, where nothing was measured yet.
    """
    try:
        with Path(run, METRICS).open(newline="") as file:
            rows = list(csv.DictReader(file))
    except OSError:
        return "", {}
    name = metric or fid_column(list(rows[0]) if rows else [])
    values = {}
    for row in rows:
        try:
            step, value = int(row["step"]), float(row[name])
        except (KeyError, TypeError, ValueError):  # not measured there, or a row that a kill cut
            continue
        if math.isfinite(value):
            values[step] = value
    return (name if values else ""), values


def fid_column(columns: list[str]) -> str:
    """The column of the FID that decides which checkpoint is the best.

    >>> fid_column(["step", "digits_fid", "ema_digits_fid"]), fid_column(["step"])
    ('ema_digits_fid', '')
    """
    found = [name for name in columns if name.endswith("fid")]
    return next((name for name in found if name.startswith("ema_")), next(iter(found), ""))


def is_free(lock: Path) -> bool:
    """Whether no process has a lock; where there is none, none has it."""
    if not lock.exists():
        return True
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False


def is_trained(run: str | Path) -> bool:
    """Whether a process trains in a run's folder just now."""
    return not is_free(Path(run, LOCK))
