"""One table for every reader: terminal, Markdown, LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


class Cell(NamedTuple):
    """What stands in a table, and whether it is the best of its column."""

    text: str
    best: bool = False


@dataclass
class Table:
    """A table with its story.

    Attributes:
        title: What it shows.
        head: Names of the columns.
        rows: Cells below them.
        words: How many columns at the left hold words; the others hold numbers.
        notes: What a reader has to know of the numbers.
    """

    title: str
    head: list[str]
    rows: list[list[Cell]]
    words: int = 1
    notes: list[str] = field(default_factory=list)


def in_terminal(table: Table, bold: bool) -> str:
    """As aligned text.

    Args:
        table: The table.
        bold: Whether the best are printed bold; otherwise a star follows them.
    """
    lines = [[Cell(name) for name in table.head], *table.rows]
    shown = [[_starred(cell, bold) for cell in line] for line in lines]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)] if lines else []
    text = [table.title, ""]
    for line, cells in zip(shown, lines, strict=True):
        aligned = [
            word.ljust(width) if k < table.words else word.rjust(width)
            for k, (word, width) in enumerate(zip(line, widths, strict=True))
        ]
        marked = zip(aligned, cells, strict=True)
        text.append("  ".join(_bold(w) if bold and c.best else w for w, c in marked).rstrip())
    return "\n".join([*text, *([""] if table.notes else []), *table.notes])


def _starred(cell: Cell, bold: bool) -> str:
    return cell.text if bold or not cell.best else f"{cell.text} *"


def _bold(text: str) -> str:
    return f"\033[1m{text}\033[0m"


def in_markdown(tables: Sequence[Table]) -> str:
    """As Markdown, the best in bold."""
    return "\n".join(_markdown(table) for table in tables)


def _markdown(table: Table) -> str:
    rule = [":--" if k < table.words else "--:" for k in range(len(table.head))]
    rows = [[f"**{c.text}**" if c.best else c.text for c in row] for row in table.rows]
    lines = [f"| {' | '.join(map(_piped, row))} |" for row in (table.head, rule, *rows)]
    notes = [f"- {note}" for note in table.notes]
    return "\n".join([f"**{table.title}**", "", *lines, "", *notes, ""])


def _piped(text: str) -> str:
    return text.replace("|", "\\|") or " "


def in_latex(tables: Sequence[Table]) -> str:
    """As LaTeX of the package booktabs, the best in bold."""
    return "% needs \\usepackage{booktabs}\n" + "\n".join(_latex(table) for table in tables)


def _latex(table: Table) -> str:
    columns = "".join("l" if k < table.words else "r" for k in range(len(table.head)))
    rows = [[_latex_cell(cell) for cell in row] for row in table.rows]
    head = [escaped(name) for name in table.head]
    lines = [f"{' & '.join(row)} \\\\" for row in (head, *rows)]
    notes = "".join(f"% {note}\n" for note in table.notes)
    return (
        f"\\begin{{table}}\n\\caption{{{escaped(table.title)}}}\n"
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{lines[0]}\n\\midrule\n"
        + "\n".join(lines[1:])
        + f"\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n{notes}"
    )


def _latex_cell(cell: Cell) -> str:
    text = escaped(cell.text).replace("±", "$\\pm$")
    return f"\\textbf{{{text}}}" if cell.best else text


def escaped(text: str) -> str:
    r"""Text as LaTeX takes it.

    >>> print(escaped("50 % of data_x"))
    50 \% of data\_x
    """
    return re.sub(r"([%&#_${}])", r"\\\1", text)
