"""``metrics.csv`` that a resumed run continues as if it had never stopped."""

from __future__ import annotations

import csv
import io
import os
from argparse import Namespace
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from lightning.pytorch.loggers.logger import Logger
from lightning.pytorch.utilities import rank_zero_only

from gan_lightning.distributed import in_group
from gan_lightning.errors import UserError
from gan_lightning.files import told, write_whole
from gan_lightning.run_folder import METRICS

Row = dict[str, str]


class MetricsCSV(Logger):
    """Writes one row per step to ``metrics.csv`` in the run's folder, at once.

    Lightning's own CSVLogger deletes the file of an earlier run. Here, the first row of a resumed
    run replaces the rows of the same step and later ones, which the killed run had written after
    its last checkpoint; earlier rows stay. A row costs the same however many there are: only a new
    column writes the file anew.

    Only the first of several processes writes. If it cannot, it goes on with the others, who would
    wait for it, and fails with them at the next checkpoint.

    Args:
        save_dir: The run's folder.
    """

    def __init__(self, save_dir: str | Path) -> None:
        super().__init__()
        self._folder = Path(save_dir)
        self._columns: list[str] | None = None
        self._failure: UserError | None = None
        self._row: Row = {}
        self._row_starts = 0  # where the last row begins in the file, in bytes

    @property
    def path(self) -> Path:
        """The file."""
        return self._folder / METRICS

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
    def go_on_from(self, step: int) -> None:
        """Drops what a killed run wrote of later iterations, which will come again."""
        if self.path.exists():
            self._write([row for row in self._read() if int(row["step"]) <= step])

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float | str], step: int | None = None) -> None:
        """Adds the metrics to the row of their step.

        Args:
            metrics: Column names and numbers or words; a new column is empty in earlier rows.
            step: Generator updates made so far.

        Raises:
            UserError: The disk is full or not writable.
        """
        assert step is not None
        try:
            if self._failure is None:
                self._add(metrics, step)
        except UserError as error:
            if not in_group():
                raise
            self._failure = error

    def _add(self, metrics: Mapping[str, float | str], step: int) -> None:
        new = {"step": str(step)} | {key: _cell(value) for key, value in metrics.items()}
        if self._columns is None:
            self._write([row for row in self._read() if int(row["step"]) < step])
        same = self._row.get("step") == new["step"]
        row = self._row | new if same else new
        if set(row) <= set(self._columns or ()):
            self._put(row, over_last=same)
        else:
            before = self._read()
            self._write([*(before[:-1] if same else before), row])

    @rank_zero_only
    def to_disk(self) -> None:
        """Flushes what was written, before a checkpoint makes it part of the past.

        Raises:
            UserError: Something could not be written, now or before.
        """
        if self._failure is not None:
            raise self._failure
        if self.path.exists():
            with told(self.path), self.path.open("rb") as file:
                os.fsync(file.fileno())

    def _read(self) -> list[Row]:
        """The whole rows; one that a kill or a power failure cut or damaged is left out."""
        if not self.path.exists():
            return []
        text = self.path.read_text(errors="replace")
        lines = text[: text.rfind("\n") + 1].splitlines()
        header, *rows = csv.reader(lines) if lines else [[]]
        whole = [dict(zip(header, row, strict=True)) for row in rows if len(row) == len(header)]
        filled = [{key: value for key, value in row.items() if value} for row in whole]
        return [row for row in filled if row.get("step", "").isdigit()]

    def _write(self, rows: list[Row]) -> None:
        """Writes the file anew, with the columns that the rows have."""
        self._columns = list(dict.fromkeys(key for row in rows for key in row))
        self._row = rows[-1] if rows else {}
        start = _lines(self._columns, [dict(zip(self._columns, self._columns, strict=True))])
        start += _lines(self._columns, rows[:-1])
        self._row_starts = len(start.encode())
        with told(self.path):
            write_whole(self.path, start + _lines(self._columns, rows[-1:]))

    def _put(self, row: Row, over_last: bool) -> None:
        """Writes a row behind the last one, or over it."""
        with told(self.path), self.path.open("r+b") as file:
            file.seek(self._row_starts if over_last else 0, 0 if over_last else 2)
            self._row_starts, self._row = file.tell(), row
            file.write(_lines(self._columns or [], [row]).encode())
            file.truncate()


def _lines(columns: list[str], rows: Iterable[Row]) -> str:
    """Rows as they stand in the file."""
    text = io.StringIO()
    csv.DictWriter(text, columns, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _cell(value: float | str) -> str:
    """Words as they are; numbers so that reading them gives the same number."""
    if isinstance(value, str | int):
        return str(value)
    return repr(float(value))
