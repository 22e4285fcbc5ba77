"""The papers' tables, beside what was measured here in the same way."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import groupby

from gan_lightning.report.comparison import Comparison
from gan_lightning.report.published import SETTINGS, Published, all_published
from gan_lightning.report.statistics import Summary, written

SWEEPS = {
    ("BSSN", "1", "cifar10"): "cifar10_scale cifar10_bssn_scale",
    ("BSSN", "1", "stl10"): "stl10_scale",
    ("BSSN", "1", "celeba"): "celeba_scale",
    ("BSSN", "1", "imagenet"): "imagenet_scale",
    ("BSSN", "6", "cifar10"): "cifar10_gamma cifar10_settings",
    ("BSSN", "6", "stl10"): "stl10_gamma stl10_settings",
    ("BSSN", "6", "celeba"): "celeba_gamma celeba_settings",
    ("SNGAN", "2", "cifar10"): "cifar10_sngan cifar10_resnet",
}
"""Files in ``sweeps/`` whose runs make a table anew; where sn is not named, it is ssn at 1."""

HEAD = """\
## The papers' tables

Numbers of the papers, as IS / FID, and under a row what was measured here in the same way: their
dataset, networks, objective, extractor and protocol (`paper`: 5,000 real and 10,000 generated
images; `sngan`: 10,000 and 5,000; see [scores.md](scores.md)). The commands make them anew.
"""


def papers_tables(comparisons: Iterable[Comparison]) -> str:
    """The section of docs/reproduction.md."""
    ours = dict(_measured(comparisons))
    parts = [HEAD]
    for (paper, table), numbers in groupby(all_published(), lambda n: (n.paper, n.table)):
        parts += [f"**{paper} Table {table}**: {SETTINGS[paper, table]}", _table([*numbers], ours)]
    if not ours:
        parts.append("None of these has been run here.")
    return "\n\n".join(part.strip() for part in parts)


def _measured(comparisons: Iterable[Comparison]) -> Iterator[tuple[Published, Summary]]:
    for comparison in comparisons:
        for lines in comparison.lines.values():
            for line in lines:
                for score, theirs in line.published.items():
                    yield from ((number, line.found[score]) for number in theirs)


def _table(numbers: list[Published], ours: dict[Published, Summary]) -> str:
    datasets = list(dict.fromkeys(number.dataset for number in numbers))
    rows = [["method", *datasets]]
    for method in dict.fromkeys(map(_method, numbers)):
        cells = [[n for n in numbers if (_method(n), n.dataset) == (method, d)] for d in datasets]
        rows.append([method, *(_cell([str(n) for n in cell]) for cell in cells)])
        if any(number in ours for cell in cells for number in cell):
            here = [[written(ours[n]) if n in ours else "-" for n in cell] for cell in cells]
            rows.append(["here", *map(_cell, here)])
    made = [SWEEPS[numbers[0].paper, numbers[0].table, dataset] for dataset in datasets]
    rows.append(["`gan sweep`", *(_commands(names) for names in made)])
    rows.insert(1, ["---"] * len(rows[0]))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _method(number: Published) -> str:
    network = "ResNet " if number.discriminator.startswith("ResNet") else ""
    return f"{network}{number.norm}, {number.objective}"


def _cell(scores: list[str]) -> str:
    """IS / FID, or FID alone, as a table has them."""
    return " / ".join(scores) or "-"


def _commands(names: str) -> str:
    return ", ".join(f"[{name}](../sweeps/{name}.yaml)" for name in names.split())
