"""The papers' own numbers, for the runs that were measured as theirs were."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from gan_lightning.report.evaluations import Measure
from gan_lightning.report.options import Options
from gan_lightning.report.statistics import Summary, written

SETTINGS = {
    ("BSSN", "1"): "mean and standard error of 5 seeds (3 on imagenet), the best scale of its list",
    ("BSSN", "6"): "the best of the five settings of its Table 7",
    ("SNGAN", "2"): "the best of its settings A to F",
}
"""What a table's numbers stand for, which the runs beside them may not."""


class Published(NamedTuple):
    """A number of a paper.

    Attributes:
        norm: The normalization and what it comes with: ``gamma(sn)+gradient_penalty``.
        error: The standard error, or "" where the paper gives none.
    """

    paper: str
    table: str
    dataset: str
    norm: str
    discriminator: str
    objective: str
    protocol: str
    score: str
    mean: str
    error: str

    @property
    def source(self) -> str:
        """Where it stands, and what it stands for."""
        return f"{self.paper} Table {self.table}: {SETTINGS[self.paper, self.table]}"

    def __str__(self) -> str:
        """As it stands in the paper."""
        return f"{self.mean} ± {self.error}" if self.error else self.mean


@cache
def all_published() -> tuple[Published, ...]:
    """Every number of the file of them."""
    text = files("gan_lightning.report").joinpath("published.csv").read_text(encoding="utf-8")
    return tuple(Published(**row) for row in csv.DictReader(text.splitlines()))


def published(options: Options, measure: Measure, score: str) -> list[Published]:
    """The numbers of the papers for a method, where they were measured in the same way.

    Dataset, normalization, penalties, kind of discriminator, objective, protocol, extractor and
    score all have to be the paper's; optimizers, scale and iterations need not.

    Args:
        options: Of a run of the method.
        measure: How its scores were measured.
        score: The score's name.
    """
    facts = dict(measure)
    if facts.get("extractor") != "inception":
        return []
    wanted = {
        "dataset": options.get("data", ""),
        "norm": _method(options),
        "discriminator": options.get("model.discriminator", "").replace("Projection", ""),
        "objective": options.get("model.objective", ""),
        "protocol": facts.get("protocol", ""),
        "score": score.removeprefix("ema_"),
    }
    return [
        number
        for number in all_published()
        if all(getattr(number, name) == value for name, value in wanted.items())
    ]


def _method(options: Options) -> str:
    """A normalization with what it works over and the penalties beside it."""
    norm, over = options.get("model.norm", ""), options.get("model.norm.over")
    penalties = options.get("model.penalties", "[]").strip("[]").partition("(")[0]
    return norm + (f"({over})" if over else "") + (f"+{penalties}" if penalties else "")


def beside(ours: Summary, theirs: Published) -> str:
    """Both, for a line of words."""
    return f"{written(ours)} here, {theirs} in {theirs.paper}"
