"""What a comparison says, as tables for readers and as a file with all digits."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from gan_lightning.report.comparison import Comparison, Line, best_value, option_labels
from gan_lightning.report.differences import difference_rows
from gan_lightning.report.evaluations import better, is_spread
from gan_lightning.report.groups import Group, Section, measured_otherwise
from gan_lightning.report.options import order
from gan_lightning.report.statistics import Summary, written
from gan_lightning.report.tables import Cell, Table, in_latex, in_markdown

MOST = 4
"""Columns of options, above which those that only repeat another go into the notes."""


def tables_of(comparison: Comparison, shown: int | None = None) -> list[Table]:
    """The tables, that of the most usual measure first.

    Args:
        comparison: The scores.
        shown: How many runs that are left out are named; all by default.
    """
    tables = [_table(comparison, section) for section in comparison.sections]
    for section in comparison.sections if comparison.against else ():
        tables += _differences(comparison, section)
    apart = comparison.left_out()
    if apart:
        tables.append(_table_of_rest(apart, shown))
    return tables


def _table(comparison: Comparison, section: Section) -> Table:
    lines, scores = comparison.lines[section.measure], section.scores
    scores = [score for score in scores if not is_spread(score)]
    theirs = [score for score in scores if any(score in line.published for line in lines)]
    sources = _sources(lines)
    best = {score: best_value(lines, score) for score in scores}
    shown = _columns(comparison, section)
    rows = []
    for line in lines:
        cells = [Cell(line.group.key[k] or "-") for k in shown]
        cells.append(Cell(_count(line.group)))
        for score in scores:
            value = line.found.get(score)
            text = "-" if value is None else written(value)
            cells.append(Cell(text, value is not None and value.mean == best[score]))
        for score in theirs:
            numbers = line.published.get(score, [])
            cells.append(Cell("; ".join(f"{n} [{sources[n.source]}]" for n in numbers) or "-"))
        rows.append(cells)
    names = option_labels(comparison.by)
    published = [f"{score} published" for score in theirs]
    head = [*(names[k] for k in shown), "runs", *scores, *published]
    notes = [*_notes(comparison, section), *(f"[{k}] {source}" for source, k in sources.items())]
    return Table(_title(comparison, section), head, rows, len(shown), notes)


def _columns(comparison: Comparison, section: Section) -> list[int]:
    """The options that a table shows: those that tell groups apart; all that were asked for.

    One that repeats another, value for value, stands in the notes once there are many.
    """
    if comparison.asked or len(section.groups) < 2:
        return list(range(len(comparison.by))) if comparison.asked else []
    telling, repeating = section.telling()
    return telling if len(telling) + len(repeating) > MOST else sorted(telling + repeating)


def _title(comparison: Comparison, section: Section) -> str:
    facts = dict(section.measure)
    title = (
        f"Scores {comparison.collection.at}, by extractor {facts.get('extractor', '?')}, protocol "
        f"{facts.get('protocol', '?')} ({facts.get('fid_generated', '?')} generated against "
        f"{facts.get('fid_real', '?')} real images)"
    )
    first = comparison.sections[0].measure
    if section.measure == first:
        return title
    return f"{title}. Measured otherwise: {measured_otherwise(section.measure, dict(first))}"


def _notes(comparison: Comparison, section: Section) -> list[str]:
    lines = comparison.lines[section.measure]
    counts = {value.n for line in lines for value in line.found.values()}
    notes = []
    pooled = [o for o in comparison.collection.differing() if _pooled(comparison, section, o)]
    if counts - {1}:
        apart = "" if pooled else " that differ in their seed"
        notes.append(f"mean ± standard error over runs{apart}")
    if any(n >= 3 for n in counts):
        few = " (of few runs, they are too narrow)" if any(3 <= n < 8 for n in counts) else ""
        notes.append(f"[low, high]: 95 % bootstrap intervals of the mean, BCa{few}")
    if counts - {1} and not _columns(comparison, section):
        notes.append("these runs differ in nothing but their seeds")
    shown = {comparison.by[k] for k in _columns(comparison, section)}
    repeating = [comparison.by[k] for k in section.telling()[1] if comparison.by[k] not in shown]
    if repeating:
        notes.append(f"they differ along with that in {', '.join(repeating)}")
    if pooled:
        notes.append(
            f"runs of one line differ in {', '.join(pooled)}, by which they are not grouped"
        )
    going = [m for g in section.groups for m in g.members if m.ending.state != "finished"]
    if going:
        notes.append(f"{len(going)} of the runs are not finished: {_states(going)}")
    return notes


def _pooled(comparison: Comparison, section: Section, option: str) -> bool:
    """Whether runs that differ in an option stand in one line."""
    return option not in comparison.by and any(
        len({comparison.collection.value(member, option) for member in group.members}) > 1
        for group in section.groups
    )


def _differences(comparison: Comparison, section: Section) -> list[Table]:
    assert comparison.against is not None
    scores = [score for score in section.scores if not is_spread(score)]
    rows = difference_rows(
        section, comparison.by, comparison.against, scores, comparison.collection
    )
    if not rows:
        return []
    names, shown = option_labels(comparison.by), _columns(comparison, section)
    head = [*(names[k] for k in shown), "common seeds", *scores]
    cells = [
        [
            *(Cell(row.group.key[k] or "-") for k in shown),
            Cell(str(row.seeds)),
            *(Cell(written(row.found[s], True) if s in row.found else "-") for s in scores),
        ]
        for row in rows
    ]
    lower = ", ".join(s for s in scores if better(s) < 0)
    title = f"Difference to {comparison.against}, at the seeds that both have"
    notes = ["mean ± standard error of the differences, and its 95 % bootstrap interval (BCa)"]
    notes += [f"below zero is better: {lower}"] if lower else []
    return [Table(title, head, cells, len(shown), notes)]


def as_text(comparison: Comparison, suffix: str) -> str:
    """The tables as the text of a file: ``.csv``, ``.md`` or ``.tex``."""
    if suffix == ".csv":
        return as_csv(comparison)
    return (
        in_markdown(tables_of(comparison)) if suffix == ".md" else in_latex(tables_of(comparison))
    )


def as_csv(comparison: Comparison) -> str:
    """A line per group, score and measure, with all digits, and one per run left out."""
    text = io.StringIO()
    head = ["kind", *comparison.by, *_CSV, *MEASURE]
    file = csv.DictWriter(text, head, restval="", lineterminator="\n", extrasaction="ignore")
    file.writeheader()
    for section in comparison.sections:
        for line in comparison.lines[section.measure]:
            named = dict(zip(comparison.by, line.group.key, strict=True))
            named |= dict(section.measure)
            for score, value in line.found.items():
                best = value.mean == best_value(comparison.lines[section.measure], score)
                theirs = "; ".join(f"{n} ({n.source})" for n in line.published.get(score, []))
                row = named | _numbers(score, value) | {"best": best, "published": theirs}
                file.writerow(row | {"kind": "score"})
        for other in difference_rows(
            section, comparison.by, comparison.against, section.scores, comparison.collection
        ):
            named = dict(zip(comparison.by, other.group.key, strict=True))
            named |= dict(section.measure)
            for score, value in other.found.items():
                kind = {"kind": f"difference to {comparison.against}"}
                file.writerow(named | _numbers(score, value) | kind)
    for path, why in comparison.left_out():
        file.writerow({"kind": "left out", "run": path, "why": why})
    return text.getvalue()


_CSV = ("score", "runs", "mean", "standard_error", "low", "high", "best", "published", "run", "why")
MEASURE = (
    *("protocol", "extractor", "extractor_fingerprint", "real", "fid_real", "fid_generated"),
    *("is_images", "is_splits"),
)
"""The facts of a measure that every evaluation has."""


def _numbers(score: str, value: Summary) -> dict[str, object]:
    names = ("runs", "mean", "standard_error", "low", "high")
    return {"score": score} | dict(zip(names, value, strict=True))


def _count(group: Group) -> str:
    """How many runs count, of how many."""
    out = len(group.left_out)
    return f"{len(group.members)}" + (f" of {len(group.members) + out}" if out else "")


def _sources(lines: Sequence[Line]) -> dict[str, int]:
    """Numbers of footnotes."""
    found = (n.source for line in lines for numbers in line.published.values() for n in numbers)
    return {source: k for k, source in enumerate(dict.fromkeys(found), 1)}


def _states(outcomes: Sequence[object]) -> str:
    # Ignored below: those with an ending.
    paths = [f"{o.path} ({o.ending})" for o in outcomes[:3]]  # type: ignore[attr-defined]
    return "; ".join(paths) + (" and more" if len(outcomes) > 3 else "")


def _table_of_rest(apart: Sequence[tuple[str, str]], shown: int | None) -> Table:
    """The runs that are in no mean."""
    named = sorted(apart, key=lambda run: [order(part) for part in run[0].split("/")])
    rows = [[Cell(path), Cell(why)] for path, why in named[:shown]]
    rest = len(named) - len(rows)
    notes = [f"and {rest} more; a table in a file names them all"] if rest else []
    return Table(f"Not in any mean: {len(named)} runs", ["run", "why"], rows, 2, notes)
