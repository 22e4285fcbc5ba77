"""``gan compare``: scores over seeds, grouped by what differs between runs, in one table."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from gan_lightning.errors import UserError
from gan_lightning.files import told, write_whole
from gan_lightning.report.differences import Against, against_of, difference_rows
from gan_lightning.report.evaluations import At, better, is_spread
from gan_lightning.report.finding import find_runs
from gan_lightning.report.groups import (
    Collection,
    Group,
    Section,
    left_out,
    measured_otherwise,
    sections,
)
from gan_lightning.report.options import Options, order
from gan_lightning.report.published import Published, published
from gan_lightning.report.runs import Run
from gan_lightning.report.statistics import Summary, summaries, written
from gan_lightning.report.tables import Cell, Table, in_latex, in_markdown, in_terminal

FORMATS = (".csv", ".md", ".tex")
MOST = 4
"""Columns of options, above which those that only repeat another go into the notes."""

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
    tables = found.tables(SHOWN)
    print("\n\n".join(in_terminal(table, bold) for table in tables))
    if not bold:
        print("\n* the best of its column")
    if out is not None:
        with told(out, "Choose another --out"):
            write_whole(out, found.written(Path(out).suffix))
        print(f"\nSaved {out}")


class Line(NamedTuple):
    """A group as a line of a table.

    Attributes:
        group: The group.
        found: Its scores, by name; only those that it has.
        published: The papers' numbers for them.
    """

    group: Group
    found: dict[str, Summary]
    published: dict[str, list[Published]]


class Comparison:
    """Everything that the tables say, as numbers.

    Args:
        collection: What is kept of the runs.
        by: The options that groups are made by.
        against: The group that the others are compared with.
        asked: Whether those options were asked for, or are all that differ.
    """

    def __init__(
        self, collection: Collection, by: Sequence[str], against: Against | None, asked: bool
    ) -> None:
        self.collection, self.by, self.against = collection, list(by), against
        self.asked = asked
        self.sections = sections(collection, by)
        self.lines = {section.measure: self._lines(section) for section in self.sections}

    @classmethod
    def of(
        cls, runs: Iterable[Run], by: str | None, at: At, against: str | None = None
    ) -> Comparison:
        """Reads runs.

        Raises:
            UserError: An option to group by, or a group to compare with, is none of theirs.
        """
        collection = Collection.of(runs, at)
        options = collection.options_for(by)
        values = {option: _values(collection, option) for option in options}
        return cls(collection, options, against_of(against, values), by is not None)

    def _lines(self, section: Section) -> list[Line]:
        keys = [
            (k, score)
            for k, group in enumerate(section.groups)
            for score in section.scores
            if group.values(section.measure, score)
        ]
        samples = [section.groups[k].values(section.measure, score) for k, score in keys]
        found: list[dict[str, Summary]] = [{} for _ in section.groups]
        for (k, score), value in zip(keys, summaries(samples), strict=True):
            found[k][score] = value
        return [
            Line(group, scores, self._published(group, section, scores))
            for group, scores in zip(section.groups, found, strict=True)
        ]

    def _published(
        self, group: Group, section: Section, scores: Iterable[str]
    ) -> dict[str, list[Published]]:
        if not group.members:
            return {}
        options = self.options_of(group)
        numbers = {score: published(options, section.measure, score) for score in scores}
        return {score: theirs for score, theirs in numbers.items() if theirs}

    def options_of(self, group: Group) -> Options:
        """The options of the first run of a group."""
        first = (group.members or [group.left_out[0][0]])[0]
        options = self.collection.base | first.differs
        return {key: value for key, value in options.items() if value is not None}

    # ------------------------------------------------------------------------------------- tables

    def tables(self, shown: int | None = None) -> list[Table]:
        """The tables, that of the most usual measure first.

        Args:
            shown: How many runs that are left out are named; all by default.
        """
        tables = [self._table(section) for section in self.sections]
        for section in self.sections if self.against else ():
            tables += self._differences(section)
        apart = self._left_out()
        if apart:
            tables.append(_table_of_rest(apart, shown))
        return tables

    def _table(self, section: Section) -> Table:
        lines, scores = self.lines[section.measure], section.scores
        scores = [score for score in scores if not is_spread(score)]
        theirs = [score for score in scores if any(score in line.published for line in lines)]
        sources = _sources(lines)
        best = {score: _best(lines, score) for score in scores}
        shown = self._columns(section)
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
        names = short_names(self.by)
        published = [f"{score} published" for score in theirs]
        head = [*(names[k] for k in shown), "runs", *scores, *published]
        notes = [*self._notes(section), *(f"[{k}] {source}" for source, k in sources.items())]
        return Table(self._title(section), head, rows, len(shown), notes)

    def _columns(self, section: Section) -> list[int]:
        """The options that a table shows: those that tell groups apart; all that were asked for.

        One that repeats another, value for value, stands in the notes once there are many.
        """
        if self.asked or len(section.groups) < 2:
            return list(range(len(self.by))) if self.asked else []
        telling, repeating = section.telling()
        return telling if len(telling) + len(repeating) > MOST else sorted(telling + repeating)

    def _title(self, section: Section) -> str:
        facts = dict(section.measure)
        title = (
            f"Scores {self.collection.at}, by extractor {facts.get('extractor', '?')}, protocol "
            f"{facts.get('protocol', '?')} ({facts.get('fid_generated', '?')} generated against "
            f"{facts.get('fid_real', '?')} real images)"
        )
        first = self.sections[0].measure
        if section.measure == first:
            return title
        return f"{title}. Measured otherwise: {measured_otherwise(section.measure, dict(first))}"

    def _notes(self, section: Section) -> list[str]:
        counts = {value.n for line in self.lines[section.measure] for value in line.found.values()}
        notes = []
        if counts - {1}:
            notes.append("mean ± standard error over runs that differ in their seed")
        if any(n >= 3 for n in counts):
            few = " (of few runs, they are too narrow)" if any(3 <= n < 8 for n in counts) else ""
            notes.append(f"[low, high]: 95 % bootstrap intervals of the mean, BCa{few}")
        if not self._columns(section):
            notes.append("these runs differ in nothing but their seeds")
        shown = {self.by[k] for k in self._columns(section)}
        repeating = [self.by[k] for k in section.telling()[1] if self.by[k] not in shown]
        if repeating:
            notes.append(f"they differ along with that in {', '.join(repeating)}")
        pooled = [o for o in self.collection.differing() if self._pooled(section, o)]
        if pooled:
            notes.append(f"runs of one line differ in {', '.join(pooled)}, which --by leaves out")
        going = [m for g in section.groups for m in g.members if m.ending.state != "finished"]
        if going:
            notes.append(f"{len(going)} of the runs are not finished: {_states(going)}")
        return notes

    def _pooled(self, section: Section, option: str) -> bool:
        """Whether runs that differ in an option stand in one line."""
        return option not in self.by and any(
            len({self.collection.value(member, option) for member in group.members}) > 1
            for group in section.groups
        )

    def _differences(self, section: Section) -> list[Table]:
        assert self.against is not None
        scores = [score for score in section.scores if not is_spread(score)]
        rows = difference_rows(section, self.by, self.against, scores)
        if not rows:
            return []
        names, shown = short_names(self.by), self._columns(section)
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
        title = f"Difference to {self.against}, at the seeds that both have"
        notes = ["mean ± standard error of the differences, and its 95 % bootstrap interval (BCa)"]
        notes += [f"below zero is better: {lower}"] if lower else []
        return [Table(title, head, cells, len(shown), notes)]

    def _left_out(self) -> list[tuple[str, str]]:
        apart = [(o.path, why) for o, why in left_out(self.collection)]
        return apart + [
            (o.path, why) for s in self.sections for g in s.groups for o, why in g.left_out
        ]

    # -------------------------------------------------------------------------------------- files

    def written(self, suffix: str) -> str:
        """The tables as the text of a file: ``.csv``, ``.md`` or ``.tex``."""
        if suffix == ".csv":
            return self.csv()
        return in_markdown(self.tables()) if suffix == ".md" else in_latex(self.tables())

    def csv(self) -> str:
        """A line per group, score and measure, with all digits, and one per run left out."""
        text = io.StringIO()
        head = ["kind", *self.by, *_CSV, *MEASURE]
        file = csv.DictWriter(text, head, restval="", lineterminator="\n", extrasaction="ignore")
        file.writeheader()
        for section in self.sections:
            for line in self.lines[section.measure]:
                named = dict(zip(self.by, line.group.key, strict=True)) | dict(section.measure)
                for score, value in line.found.items():
                    best = value.mean == _best(self.lines[section.measure], score)
                    theirs = "; ".join(f"{n} ({n.source})" for n in line.published.get(score, []))
                    row = named | _numbers(score, value) | {"best": best, "published": theirs}
                    file.writerow(row | {"kind": "score"})
            for other in difference_rows(section, self.by, self.against, section.scores):
                named = dict(zip(self.by, other.group.key, strict=True)) | dict(section.measure)
                for score, value in other.found.items():
                    kind = {"kind": f"difference to {self.against}"}
                    file.writerow(named | _numbers(score, value) | kind)
        for path, why in self._left_out():
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


def _values(collection: Collection, option: str) -> set[str | None]:
    return {collection.value(outcome, option) for outcome in collection.outcomes}


def short_names(options: Sequence[str]) -> list[str]:
    """The options without ``model.`` and the like, where they are told apart without it.

    >>> short_names(["model.norm", "model.norm.scale", "model.n_dis"])
    ['norm', 'norm.scale', 'n_dis']
    >>> short_names(["model.generator.width", "model.discriminator.width"])
    ['generator.width', 'discriminator.width']
    """
    short = [option.partition(".")[2] or option for option in options]
    return [s if short.count(s) == 1 else o for s, o in zip(short, options, strict=True)]


def _best(lines: Sequence[Line], score: str) -> float | None:
    """The best mean of a score, where there are several and one of them can be the best."""
    means = [line.found[score].mean for line in lines if score in line.found]
    if not better(score) or len(means) < 2:
        return None
    return max(means) if better(score) > 0 else min(means)


def _count(group: Group) -> str:
    """How many runs count, of how many."""
    out = len(group.left_out)
    return f"{len(group.members)}" + (f" of {len(group.members) + out}" if out else "")


def _sources(lines: Sequence[Line]) -> dict[str, int]:
    """Numbers of footnotes."""
    found = (n.source for line in lines for numbers in line.published.values() for n in numbers)
    return {source: k for k, source in enumerate(dict.fromkeys(found), 1)}


def _states(outcomes: Sequence[object]) -> str:
    paths = [f"{o.path} ({o.ending})" for o in outcomes[:3]]  # type: ignore[attr-defined]
    return "; ".join(paths) + (" and more" if len(outcomes) > 3 else "")


def _table_of_rest(apart: Sequence[tuple[str, str]], shown: int | None) -> Table:
    """The runs that are in no mean."""
    named = sorted(apart, key=lambda run: [order(part) for part in run[0].split("/")])
    rows = [[Cell(path), Cell(why)] for path, why in named[:shown]]
    rest = len(named) - len(rows)
    notes = [f"and {rest} more; --out names them all"] if rest else []
    return Table(f"Not in any mean: {len(named)} runs", ["run", "why"], rows, 2, notes)
