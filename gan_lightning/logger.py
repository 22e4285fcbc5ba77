"""``metrics.csv`` that a resumed run continues as if it had never stopped."""

from __future__ import annotations

import csv
from argparse import Namespace
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only


class MetricsCSV(Logger):
    """Writes one row per step to ``metrics.csv`` in the run's folder, at once.

    Lightning's own CSVLogger deletes the file of an earlier run. Here, the first row of a resumed
    run replaces the rows of the same step and later ones, which the killed run had written after
    its last checkpoint; earlier rows stay.

    Args:
        save_dir: The run's folder.
    """

    def __init__(self, save_dir: str | Path) -> None:
        super().__init__()
        self._folder = Path(save_dir)
        self._rows: list[dict[str, str]] | None = None

    @property
    def path(self) -> Path:
        """The file."""
        return self._folder / "metrics.csv"

    @property
    def save_dir(self) -> str:
        """The run's folder."""
        return str(self._folder)

    @property
    def name(self) -> str:
        """Nothing: the run's folder is not divided further."""
        return ""

    @property
    def version(self) -> str:
        """Nothing: the run's folder is not divided further."""
        return ""

    def log_hyperparams(
        self,
        params: dict[str, Any] | Namespace,
        *args: Any,
        **kwargs: Any,
    ) -> None:
        """Nothing: ``config.yaml`` has them."""

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float | str], step: int | None = None) -> None:
        """Adds the metrics to the row of their step.

        Args:
            metrics: Column names and numbers or words; a new column is empty in earlier rows.
            step: Generator updates made so far.
        """
        row = {"step": str(step)} | {key: _cell(value) for key, value in metrics.items()}
        known = self._columns()
        if self._rows is None:
            self._rows = [old for old in self._read() if int(old["step"]) < int(row["step"])]
            rewrite = True
        else:
            rewrite = False
        if self._rows and self._rows[-1]["step"] == row["step"]:
            self._rows[-1] |= row
            rewrite = True
        else:
            self._rows.append(row)
        if rewrite or self._columns() != known:
            self._write()
        else:
            self._append(row)

    def _columns(self) -> list[str]:
        return list(dict.fromkeys(key for row in self._rows or () for key in row))

    def _read(self) -> list[dict[str, str]]:
        if not self.path.exists():
            return []
        with self.path.open(newline="") as file:
            rows = [{k: v for k, v in row.items() if v} for row in csv.DictReader(file)]
        return [row for row in rows if row.get("step", "").isdigit()]

    def _write(self) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        new = self.path.with_suffix(".csv.new")
        with new.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._columns())
            writer.writeheader()
            writer.writerows(self._rows or ())
        new.replace(self.path)

    def _append(self, row: dict[str, str]) -> None:
        with self.path.open("a", newline="") as file:
            csv.DictWriter(file, self._columns()).writerow(row)


def _cell(value: float | str) -> str:
    """Words as they are; numbers so that reading them gives the same number."""
    if isinstance(value, str | int):
        return str(value)
    return repr(float(value))
