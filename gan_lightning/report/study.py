"""What figures are made of: the logs of groups of runs, averaged as they are read."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from gan_lightning.report.comparison import Comparison, option_labels
from gan_lightning.report.evaluations import better, joined_lines
from gan_lightning.report.groups import ComparedRun, Key
from gan_lightning.report.logged import (
    facts_of,
    last_spectra,
    rescaling,
    seconds_per_100,
    series_of,
)
from gan_lightning.report.options import Options, order
from gan_lightning.report.picture import Curve
from gan_lightning.report.runs import Run
from gan_lightning.run_folder import HISTORY, LAYERS, RESCALING, SPECTRA

LANES = 8
"""Groups that a figure shows: no more can be told apart."""

SINGLES = 3
"""Unfinished runs of a group that are shown."""


class RunningMoments:
    """Number, mean and spread of values that come one at a time (Welford 1962)."""

    __slots__ = ("mean", "n", "squares")

    def __init__(self) -> None:
        self.n, self.mean, self.squares = 0, 0.0, 0.0

    def add(self, value: float) -> None:
        """Takes another value."""
        self.n += 1
        difference = value - self.mean
        self.mean += difference / self.n
        self.squares += difference * (value - self.mean)

    @property
    def error(self) -> float:
        """Standard error of the mean; 0 of one value."""
        return math.sqrt(self.squares / (self.n - 1) / self.n) if self.n > 1 else 0.0


Band = dict[int, RunningMoments]
"""Moments over seeds, by iteration."""


class Single(NamedTuple):
    """A curve of a run that is no part of a mean."""

    label: str
    lane: int
    x: list[float]
    y: list[float]


@dataclass
class Lane:
    """A group of runs as figures show it.

    Attributes:
        label: Its name.
        key: Its options that tell groups apart.
        options: Of its first run.
        paths: Its finished runs.
        others: Its other runs, with what became of them.
    """

    label: str
    key: Key
    options: Options
    paths: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)


@dataclass
class Study:
    """All that figures need of runs; of each group, one curve of a few hundred points per column.

    Attributes:
        comparison: The scores.
        lanes: The groups that are shown, in the order of the table.
        left: How many groups are not shown.
        bands: Column to group to moments.
        singles: Column to curves of unfinished runs.
        spectra: Group to layer to squared singular values, of its first run's last look.
        layers: Group to what the theorems say of its layers.
        seconds: Group to seconds per 100 iterations of its runs.
        samples: Group to grids of samples of its first run, by iteration.
        rescaled: Group to layer to inverse ratios of spectral norms and ratios of gradient norms.
        at_best: Group to product of variances and score, at the best evaluation of each run.
    """

    comparison: Comparison
    lanes: list[Lane]
    left: int = 0
    bands: dict[str, dict[int, Band]] = field(default_factory=lambda: defaultdict(dict))
    singles: dict[str, list[Single]] = field(default_factory=lambda: defaultdict(list))
    spectra: dict[int, dict[str, list[float]]] = field(default_factory=dict)
    layers: dict[int, dict[str, Any]] = field(default_factory=dict)
    seconds: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    samples: dict[int, dict[int, Path]] = field(default_factory=dict)
    rescaled: dict[int, dict[str, list[tuple[float, float]]]] = field(default_factory=dict)
    at_best: dict[int, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, comparison: Comparison, runs: Iterable[Run]) -> Study:
        """Reads the logs of the runs of a comparison, one after the other."""
        lanes, left = lanes_of(comparison)
        study = cls(comparison, lanes, left)
        place = {path: k for k, lane in enumerate(lanes) for path in (*lane.paths, *lane.others)}
        for run in runs:
            if (lane := place.get(str(run.path))) is not None:
                study._read(run, lane)
        return study

    @property
    def score(self) -> str | None:
        """The score that figures show: the first that can be better or worse."""
        sections = self.comparison.sections
        names = sections[0].scores if sections else []
        return next((name for name in names if better(name)), None)

    @property
    def scores(self) -> list[str]:
        """All scores that can be better or worse."""
        sections = self.comparison.sections
        return [name for name in (sections[0].scores if sections else []) if better(name)]

    def parts(self, diagnostic: str) -> list[str]:
        """What there is of a diagnostic: layers, kinds of images, totals."""
        begin = f"{diagnostic}/"
        names = [
            c.removeprefix(begin) for c in {**self.bands, **self.singles} if c.startswith(begin)
        ]
        return list(dict.fromkeys(names))

    def curves(self, column: str) -> list[Curve]:
        """A column of all groups: means with bands of one standard error, and unfinished runs.

        Args:
            column: Of ``metrics.csv``, or the name of a score.
        """
        bands = sorted(self.bands.get(column, {}).items())
        curves = [curve_of(self.lanes[k].label, band, k) for k, band in bands]
        singles = self.singles.get(column, [])
        return curves + [Curve(s.label, s.x, s.y, color=s.lane, style="thin") for s in singles]

    # -------------------------------------------------------------------------------------- reading

    def _read(self, run: Run, lane: int) -> None:
        path = str(run.path)
        series = series_of(run.rows(), run.max_steps or run.step)
        for name, points in self._scores(run).items():
            series[name] = points
        if path in self.lanes[lane].paths:
            for column, points in series.items():
                band = self.bands[column].setdefault(lane, {})
                for step, value in points.items():
                    if math.isfinite(value):
                        band.setdefault(step, RunningMoments()).add(value)
            self._at_best(series, lane)
        else:
            self._keep_single(series, lane, self.lanes[lane].others[path])
        self._read_once(run, lane)

    def _keep_single(self, series: dict[str, dict[int, float]], lane: int, state: str) -> None:
        label = f"{self.lanes[lane].label} ({state})"
        for column, points in series.items():
            if sum(single.lane == lane for single in self.singles[column]) < SINGLES:
                x, y = [float(k) for k in points], list(points.values())
                self.singles[column].append(Single(label, lane, x, y))

    def _scores(self, run: Run) -> dict[str, dict[int, float]]:
        """The evaluations by the usual measure."""
        found: dict[str, dict[int, float]] = defaultdict(dict)
        if self.comparison.sections:
            usual = self.comparison.sections[0].measure
            for evaluation in joined_lines(run.evaluations()):
                if evaluation.measure == usual:
                    for name, value in evaluation.scores.items():
                        found[name][evaluation.step] = value
        return found

    def _at_best(self, series: dict[str, dict[int, float]], lane: int) -> None:
        """Where the score was best, and what the variances were at the last look before."""
        product, scores = series.get("variance/product"), series.get(self.score or "")
        if not product or not scores:
            return
        sign = better(self.score or "")
        best = max(scores, key=lambda step: sign * scores[step])
        looks = [step for step in product if step <= best]
        if looks and product[looks[-1]] > 0:
            self.at_best[lane].append((product[looks[-1]], scores[best]))

    def _read_once(self, run: Run, lane: int) -> None:
        """What is not in a row of numbers."""
        if lane not in self.spectra and (spectra := last_spectra(run.path / SPECTRA)):
            self.spectra[lane] = spectra
        if lane not in self.layers and (facts := facts_of(run.path / LAYERS)):
            self.layers[lane] = facts
        if lane not in self.rescaled and (ratios := rescaling(run.path / RESCALING)):
            self.rescaled[lane] = ratios
        if lane not in self.samples and (grids := run.samples):
            self.samples[lane] = grids
        if (seconds := seconds_per_100(run.path / HISTORY)) is not None:
            self.seconds[lane].append(seconds)


def lanes_of(comparison: Comparison) -> tuple[list[Lane], int]:
    """The groups that figures show, those of the best scores, and how many they do not."""
    collection = comparison.collection
    groups: dict[Key, list[ComparedRun]] = defaultdict(list)
    for outcome in collection.outcomes:
        if outcome.ending.state not in ("empty", "damaged"):
            groups[tuple(collection.value(outcome, o) for o in comparison.by)].append(outcome)
    keys = sorted(groups, key=lambda key: [order(value) for value in key])
    best = set(sorted(keys, key=lambda key: _badness(comparison, key))[:LANES])
    apart = {o.path for s in comparison.sections[:1] for g in s.groups for o, _ in g.left_out}
    labels = labels_of(keys, comparison.by)
    lanes = []
    for key in (key for key in keys if key in best):
        options = collection.base | groups[key][0].differs
        lane = Lane(labels[key], key, {k: v for k, v in options.items() if v is not None})
        for outcome in groups[key]:
            if outcome.ending.state == "finished" and outcome.path not in apart:
                lane.paths.add(outcome.path)
            elif outcome.ending.state != "finished":
                lane.others[outcome.path] = outcome.ending.state
        lanes.append(lane)
    return lanes, len(keys) - len(lanes)


def labels_of(keys: Iterable[Key], by: Iterable[str]) -> dict[Key, str]:
    """Names of groups: the values of the options that tell them apart.

    >>> labels_of([("sn", None), ("bssn", "1.4")], ["model.norm", "model.norm.scale"])
    {('sn', None): 'sn', ('bssn', '1.4'): 'bssn, scale 1.4'}
    """
    keys, by = list(keys), list(by)
    names = [name.rpartition(".")[2] for name in by]
    names = [n if names.count(n) == 1 else s for n, s in zip(names, option_labels(by), strict=True)]
    varied = [k for k in range(len(by)) if len({key[k] for key in keys}) > 1]
    labels = {}
    for key in keys:
        parts = [_part(by[k], names[k], key[k]) for k in varied if key[k] is not None]
        labels[key] = ", ".join(parts) or "all runs"
    return labels


def _part(option: str, name: str, value: str | None) -> str:
    return f"{value}" if option in ("model.norm", "data", "model.objective") else f"{name} {value}"


def _badness(comparison: Comparison, key: Key) -> float:
    """The less, the better; without a score, infinite."""
    if comparison.sections:
        section = comparison.sections[0]
        score = next((name for name in section.scores if better(name)), "")
        for line in comparison.lines[section.measure]:
            if line.group.key == key and score in line.found:
                return -better(score) * line.found[score].mean
    return math.inf


def curve_of(label: str, band: Band, color: int) -> Curve:
    """A mean with its band of one standard error.

    The band ends no lower than the smallest value (by Bhatia and Davis 2000, the standard error is
    at most the mean less that): where all values are positive, a logarithmic axis shows it whole.
    """
    found = sorted(band.items())
    low = [m.mean - m.error for _, m in found]
    high = [m.mean + m.error for _, m in found]
    mean = [m.mean for _, m in found]
    several = any(m.n > 1 for _, m in found)
    x = [float(step) for step, _ in found]
    return Curve(label, x, mean, low if several else (), high if several else (), color)
