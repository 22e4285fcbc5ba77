"""A group subtracted from others, seed by seed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import NamedTuple

from gan_lightning.errors import UserError
from gan_lightning.report.groups import Collection, ComparedRun, Group, Key, Section
from gan_lightning.report.statistics import Summary, paired, summaries


class Against(NamedTuple):
    """Which groups others are compared with: those of one value of an option."""

    option: str
    value: str

    def __str__(self) -> str:
        """As one types it."""
        return f"{self.option}={self.value}"

    def partner(self, key: Key, by: Sequence[str]) -> Key:
        """The group that a group is compared with, but for options that belong to the value.

        Options below ``option`` (the scale of a norm) are the partner's own and left out.
        """
        return tuple(
            self.value if name == self.option else value
            for name, value in zip(by, key, strict=True)
            if not name.startswith(f"{self.option}.")
        )


class GroupDifference(NamedTuple):
    """What a group has over its partner.

    Attributes:
        seeds: How many runs of each have a partner.
        found: The differences of the scores, by name.
    """

    group: Group
    seeds: int
    found: dict[str, Summary]


def against_of(text: str | None, values: Mapping[str, AbstractSet[str | None]]) -> Against | None:
    """Reads ``--against``.

    Args:
        text: A value, or ``option=value``.
        values: The options that groups are made by, and their values.

    Raises:
        UserError: No option has that value, or several have.
    """
    if text is None:
        return None
    option, equals, value = text.rpartition("=")
    options = [option.removeprefix("--")] if equals else list(values)
    full = [name for name in values for o in options if name == o or name.endswith(f".{o}")]
    matches = [name for name in full if value in values[name]]
    if len(matches) == 1:
        return Against(matches[0], value)
    if matches:
        raise UserError(
            f"{text} is a value of {' and of '.join(matches)}: write {matches[0]}={value}",
            "against",
        )
    known = "; ".join(f"{o}: {', '.join(sorted(map(str, v)))}" for o, v in values.items())
    known = known or "none, there is one group"
    raise UserError(f"{text} is no value that groups differ in; these are: {known}", "against")


def difference_rows(
    section: Section,
    by: Sequence[str],
    against: Against | None,
    scores: Sequence[str],
    collection: Collection,
) -> list[GroupDifference]:
    """The differences of each group to its partner; none of a group without exactly one.

    Runs are paired that have the same seed, and the same options but for those that make groups.
    """
    if against is None:
        return []
    place = list(by).index(against.option)
    identity = collection.identities([*by, against.option])
    partners: dict[Key, list[Group]] = {}
    for group in section.groups:
        if group.key[place] == against.value:
            partners.setdefault(against.partner(group.key, by), []).append(group)
    rows = []
    for group in section.groups:
        theirs = partners.get(against.partner(group.key, by), [])
        if len(theirs) == 1 and group.key[place] != against.value:
            rows.append(_row(section, group, theirs[0], scores, identity))
    return rows


def _row(
    section: Section,
    ours: Group,
    theirs: Group,
    scores: Sequence[str],
    identity: Callable[[ComparedRun], Hashable],
) -> GroupDifference:
    samples = {
        score: paired(
            *(group.by_identity(section.measure, score, identity) for group in (ours, theirs))
        )
        for score in scores
    }
    samples = {score: values for score, values in samples.items() if values}
    found = dict(zip(samples, summaries(list(samples.values())), strict=True))
    return GroupDifference(ours, max(map(len, samples.values()), default=0), found)
