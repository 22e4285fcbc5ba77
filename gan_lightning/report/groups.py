"""Which runs belong together: those whose options are the same, measured in the same way."""

from __future__ import annotations

import difflib
import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from gan_lightning.errors import UserError
from gan_lightning.report.evaluations import At, Measure, ScoredStep, choose
from gan_lightning.report.options import Options, is_harmless, order
from gan_lightning.report.runs import Ending, Run

Key = tuple[str | None, ...]
"""The values of the options that groups differ in; ``None`` where a run has no such option."""


class ComparedRun(NamedTuple):
    """All that a comparison keeps of a run.

    Attributes:
        path: Its folder.
        seed: Its seed.
        ending: How far it is.
        differs: Its options that are not as in the first run; ``None`` where it lacks one.
        found: The evaluation that stands for it, for each measure.
        evaluated: Whether it was evaluated at all.
    """

    path: str
    seed: str | None
    ending: Ending
    differs: dict[str, str | None]
    found: dict[Measure, ScoredStep]
    evaluated: bool


@dataclass
class Collection:
    """What is kept of any number of runs: of each little more than its scores.

    Attributes:
        base: The options of the first run that has any.
        outcomes: Of the runs, in their order.
    """

    at: At
    base: Options = field(default_factory=dict)
    outcomes: list[ComparedRun] = field(default_factory=list)

    @classmethod
    def of(cls, runs: Iterable[Run], at: At) -> Collection:
        """Reads runs one after the other."""
        collection = cls(at)
        measures: dict[Measure, Measure] = {}
        for run in runs:
            collection.outcomes.append(collection.outcome(run, measures))
        return collection

    def outcome(self, run: Run, measures: dict[Measure, Measure]) -> ComparedRun:
        """Reads one."""
        options = run.options
        self.base = self.base or options
        differs = {k: options.get(k) for k in options | self.base if self._differs(k, options)}
        ending, only = run.ending, self.at.iteration(run.step)
        counts = self.at.kind in ("last", "step") or ending.state == "finished"
        found = choose(run.evaluations(only), self.at, run.step) if counts else {}
        evaluated = bool(found) or any(run.evaluations())
        kept = {
            measures.setdefault(m, m): e._replace(measure=measures.setdefault(m, m))
            for m, e in found.items()
        }
        return ComparedRun(
            str(run.path), run.seed, ending, differs if options else {}, kept, evaluated
        )

    def _differs(self, key: str, options: Options) -> bool:
        return options.get(key) != self.base.get(key)

    def value(self, outcome: ComparedRun, option: str) -> str | None:
        """An option of a run."""
        return outcome.differs.get(option, self.base.get(option))

    def identities(self, apart: Sequence[str]) -> Callable[[ComparedRun], Hashable]:
        """What tells a run from the others of a group: its seed, and options that make no groups.

        Args:
            apart: Options that do not count, with those that belong to them.
        """
        begins = tuple(f"{name}." for name in apart)
        options = [o for o in self.differing() if not f"{o}.".startswith(begins)]
        return lambda run: (run.seed, *(self.value(run, option) for option in options))

    def differing(self) -> list[str]:
        """The options that differ between runs, the first named being the most telling."""
        found = {key for outcome in self.outcomes for key in outcome.differs}
        return sorted(found, key=lambda key: (_rank(key), key))

    def options_for(self, by: str | None) -> list[str]:
        """The options that groups are made by: those asked for, or all that differ.

        Raises:
            UserError: One asked for is no option of the runs.
        """
        if by is None:
            return self.differing()
        known = {*self.base, *self.differing()}
        asked = [name.strip().removeprefix("--") for name in by.split(",") if name.strip()]
        for name in asked:
            if is_harmless(name):
                raise UserError(f"{name} makes no groups: runs that differ in it are repeats", "by")
            if name not in known:
                near = difflib.get_close_matches(name, known, n=3, cutoff=0.4)
                hint = f"near ones: {', '.join(near)}" if near else "see their config.yaml"
                raise UserError(f"{name} is no option of these runs; {hint}", "by")
        if not asked:
            raise UserError("needs names of options, such as model.norm,model.norm.scale", "by")
        return asked


FIRST = ("data", "model.discriminator", "model.generator", "model.objective", "model.norm")
"""The options by which people speak of a run, in their order."""


def _rank(option: str) -> int:
    """The place of an option, or of what it is an argument of, among those."""
    places = (k for k, name in enumerate(FIRST) if f"{option}.".startswith(f"{name}."))
    return next(places, len(FIRST))


@dataclass
class Group:
    """Runs whose scores may be averaged.

    Attributes:
        key: Their values of the options that make groups.
        members: Those that count.
        left_out: Those that do not, and why.
    """

    key: Key
    members: list[ComparedRun] = field(default_factory=list)
    left_out: list[tuple[ComparedRun, str]] = field(default_factory=list)

    def values(self, measure: Measure, score: str) -> list[float]:
        """A score of every member that has it."""
        found = (member.found[measure].scores.get(score) for member in self.members)
        return [value for value in found if value is not None and math.isfinite(value)]

    def by_identity(
        self, measure: Measure, score: str, identity: Callable[[ComparedRun], Hashable]
    ) -> dict[Hashable, float]:
        """A score of every member that is alone in what it is identified by."""
        names = [identity(member) for member in self.members]
        count = Counter(names)
        found: dict[Hashable, float] = {}
        for name, member in zip(names, self.members, strict=True):
            value = member.found[measure].scores.get(score)
            if member.seed is not None and value is not None and count[name] == 1:
                found[name] = value
        return found


@dataclass
class Section:
    """Groups whose scores were measured in one way.

    Attributes:
        measure: The way.
        groups: In the order of their options.
    """

    measure: Measure
    groups: list[Group]

    def telling(self) -> tuple[list[int], list[int]]:
        """Which options tell its groups apart: their places among those that groups are made by.

        Returns:
            Those that do, and those that only repeat one of them, value for value.
        """
        columns = list(zip(*(group.key for group in self.groups), strict=True))
        told: dict[tuple[int, ...], int] = {}
        repeating = []
        for place, column in enumerate(columns):
            values = list(dict.fromkeys(column))
            pattern = tuple(values.index(value) for value in column)
            if len(values) > 1 and told.setdefault(pattern, place) != place:
                repeating.append(place)
        return list(told.values()), repeating

    @property
    def scores(self) -> list[str]:
        """The scores that any group has."""
        found = (
            name
            for group in self.groups
            for member in group.members
            for name in member.found[self.measure].scores
        )
        return list(dict.fromkeys(found))


def sections(collection: Collection, by: Sequence[str]) -> list[Section]:
    """The groups of each measure, that of most runs first."""
    count = Counter(measure for outcome in collection.outcomes for measure in outcome.found)
    return [_section(collection, measure, by) for measure, _ in count.most_common()]


def _section(collection: Collection, measure: Measure, by: Sequence[str]) -> Section:
    groups: dict[Key, Group] = {}
    seen: dict[tuple[object, ...], str] = {}
    for outcome in collection.outcomes:
        if measure not in outcome.found:
            continue
        key = tuple(collection.value(outcome, option) for option in by)
        group = groups.setdefault(key, Group(key))
        identity = (outcome.seed, *sorted(outcome.differs.items(), key=str))
        earlier = seen.setdefault(identity, outcome.path)
        if not outcome.found[measure].finite:
            group.left_out.append((outcome, "a score of it is not finite"))
        elif outcome.seed is not None and earlier != outcome.path:
            group.left_out.append((outcome, f"repeats {earlier}: same options, same seed"))
        else:
            group.members.append(outcome)
    keys = sorted(groups, key=lambda key: [order(value) for value in key])
    return Section(measure, [groups[key] for key in keys])


def left_out(collection: Collection) -> list[tuple[ComparedRun, str]]:
    """The runs that no section has, and why."""
    found = []
    for outcome in collection.outcomes:
        if outcome.found:
            continue
        if outcome.ending.state != "finished" and collection.at.kind in ("end", "best"):
            found.append((outcome, str(outcome.ending)))
        elif not outcome.evaluated:
            found.append((outcome, f"{outcome.ending}; never evaluated"))
        else:
            found.append((outcome, f"{outcome.ending}; no evaluation {collection.at}"))
    return found


def measured_otherwise(measure: Measure, usual: Mapping[str, str]) -> str:
    """In what two measures differ, in words.

    >>> measured_otherwise((("fid_real", "10"), ("protocol", "paper")),
    ...                    {"fid_real": "5", "protocol": "paper"})
    'fid_real 10 (not 5)'
    """
    own = dict(measure)
    names = [name for name in own | dict(usual) if own.get(name) != usual.get(name)]
    return ", ".join(f"{n} {own.get(n, 'none')} (not {usual.get(n, 'none')})" for n in names)
