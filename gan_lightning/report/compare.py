"""``gan compare``: scores over seeds, grouped by what differs between runs, in one table."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from gan_lightning.errors import UserError
from gan_lightning.files import told, write_whole
from gan_lightning.report.comparison import Comparison
from gan_lightning.report.evaluations import At
from gan_lightning.report.finding import find_runs
from gan_lightning.report.score_tables import as_text, tables_of
from gan_lightning.report.tables import in_terminal

FORMATS = (".csv", ".md", ".tex")
SHOWN = 20
"""How many of the runs that are left out are named in the terminal; a file names all."""


def compare(
    runs: Sequence[str],
    by: str | None = None,
    at: str = "end",
    against: str | None = None,
    out: str | None = None,
) -> None:
    """Scores of runs as mean and standard error over seeds, grouped by what differs between them.

    Args:
        runs: Folders of runs, folders that hold them, or patterns such as 'runs/study-*'.
        by: Options to group by, such as model.norm,model.norm.scale; by default all that differ
            between the runs. The seed is never one.
        at: Which evaluation of a run: end (after its last iteration; unfinished runs do not
            count), best (of the lowest FID), last (the newest, of unfinished runs as well), or an
            iteration.
        against: A group to subtract from the others at common seeds: the value of an option that
            differs, such as sn, or option=value.
        out: File to write the table to: .csv (all digits), .md or .tex.
    """
    if out is not None and Path(out).suffix not in FORMATS:
        raise UserError(
            f"{out} is not allowed: give a file that ends in {', '.join(FORMATS)}", "out"
        )
    found = Comparison.of(find_runs(runs), by, At.parse(at), against)
    bold = sys.stdout.isatty()
    tables = tables_of(found, SHOWN)
    print("\n\n".join(in_terminal(table, bold) for table in tables))
    if not bold:
        print("\n* the best of its column")
    if out is not None:
        with told(out):
            write_whole(out, as_text(found, Path(out).suffix))
        print(f"\nSaved {out}")
