"""Scores over seeds, grouped by what differs between runs, as numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from gan_lightning.report.differences import Against, against_of
from gan_lightning.report.evaluations import At, better
from gan_lightning.report.groups import Collection, Group, Section, left_out, sections
from gan_lightning.report.options import Options
from gan_lightning.report.published import Published, published
from gan_lightning.report.runs import Run
from gan_lightning.report.statistics import Summary, summaries


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

    def left_out(self) -> list[tuple[str, str]]:
        """The runs that are in no mean, and why."""
        apart = [(o.path, why) for o, why in left_out(self.collection)]
        return apart + [
            (o.path, why) for s in self.sections for g in s.groups for o, why in g.left_out
        ]


def best_value(lines: Sequence[Line], score: str) -> float | None:
    """The best mean of a score, where there are several and one of them can be the best."""
    means = [line.found[score].mean for line in lines if score in line.found]
    if not better(score) or len(means) < 2:
        return None
    return max(means) if better(score) > 0 else min(means)


def _values(collection: Collection, option: str) -> set[str | None]:
    return {collection.value(outcome, option) for outcome in collection.outcomes}


def option_labels(options: Sequence[str]) -> list[str]:
    """The options without ``model.`` and the like, where they are told apart without it.

    >>> short_names(["model.norm", "model.norm.scale", "model.n_dis"])
    ['norm', 'norm.scale', 'n_dis']
    >>> short_names(["model.generator.width", "model.discriminator.width"])
    ['generator.width', 'discriminator.width']
    """
    short = [option.partition(".")[2] or option for option in options]
    return [s if short.count(s) == 1 else o for s, o in zip(short, options, strict=True)]
