"""Figures of scores: over training, over settings, over one option."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from gan_lightning.report.evaluations import better
from gan_lightning.report.groups import Group
from gan_lightning.report.missing import Missing
from gan_lightning.report.picture import Curve, Panel
from gan_lightning.report.statistics import Summary
from gan_lightning.report.study import Study, labels_of

METHOD = "model.norm"
"""What tells methods apart; its arguments below it."""

SCALE = "model.norm.scale"
N_DIS = "model.n_dis"


class Point(NamedTuple):
    """A group's score at a value of an option.

    Attributes:
        x: The value; NaN where the group has no such option.
        label: What else tells the group apart.
        value: Its score.
    """

    x: float
    label: str
    value: Summary


def scores_over_training(study: Study) -> list[Panel]:
    """BSSN Fig. 9: scores against iteration."""
    _require_scores(study)
    return [
        Panel("", "iteration", name, study.curves(name))
        for name in study.scores
        if study.curves(name)
    ]


def losses(study: Study) -> list[Panel]:
    """Losses of both players."""
    names = [name for name in ("discriminator_loss", "generator_loss") if study.curves(name)]
    if not names:
        raise Missing("losses in metrics.csv", "set trainer.log_every_n_steps")
    return [Panel("", "iteration", name, study.curves(name)) for name in names]


def scores_against_scale(study: Study) -> list[Panel]:
    """BSSN Fig. 6: scores against the scale; methods without one as levels."""
    return scores_against(study, SCALE, "scale", "train with several model.norm.scale")


def scores_against_n_dis(study: Study) -> list[Panel]:
    """SNGAN Fig. 11: scores against the number of discriminator updates."""
    return scores_against(study, N_DIS, "n_dis", "train with several model.n_dis")


def scores_against_width(study: Study) -> list[Panel]:
    """SNGAN Fig. 4: scores against the relative width of the discriminator's last layer."""
    names = [
        o for o in study.comparison.by if o.startswith("model.discriminator.") and "width" in o
    ]
    name = max(names, key=lambda option: ("last" in option, "relative" in option), default="")
    return scores_against(study, name, "width", "train with several widths of the discriminator")


def scores_against(study: Study, option: str, x: str, remedy: str) -> list[Panel]:
    """Scores against an option that is a number, a curve per method."""
    _require_scores(study)
    panels = []
    for score in study.scores:
        points = points_of(study, option, score)
        if len({point.x for point in points if not math.isnan(point.x)}) < 2:
            continue
        curves = []
        for color, label in enumerate(dict.fromkeys(point.label for point in points)):
            own = sorted(p for p in points if p.label == label)
            curves.append(_against(label, own, color))
        log = _is_wide([p.x for p in points if p.x > 0])
        panels.append(Panel("", x, score, curves, log_x=log))
    if not panels:
        raise Missing(f"scores at two values of {option or x}", remedy)
    return panels


def _is_wide(values: Sequence[float]) -> bool:
    return bool(values) and max(values) / min(values) > 4


def points_of(study: Study, option: str, score: str) -> list[Point]:
    """A score of every group, not only of those that other figures show."""
    comparison = study.comparison
    if option not in comparison.by:
        return []
    section, by = comparison.sections[0], comparison.by
    place = by.index(option)
    rest = [k for k in range(len(by)) if k != place]
    keys = {tuple(group.key[k] for k in rest) for group in section.groups}
    labels = labels_of(keys, [by[k] for k in rest])
    points = []
    for line in comparison.lines[section.measure]:
        if score in line.found:
            label = labels[tuple(line.group.key[k] for k in rest)]
            points.append(Point(_number(line.group, place), label, line.found[score]))
    return points


def _number(group: Group, place: int) -> float:
    try:
        return float(group.key[place] or "nan")
    except ValueError:
        return math.nan


def _against(label: str, points: Sequence[Point], color: int) -> Curve:
    """A method over its values; one that has none is a level."""
    means = [p.value.mean for p in points]
    if all(math.isnan(p.x) for p in points):
        return Curve(label, [0.0], means[:1], color=color, style="level")
    low, high = _ends([p.value for p in points])
    return Curve(label, [p.x for p in points], means, low, high, color)


def _ends(values: Sequence[Summary]) -> tuple[list[float], list[float]]:
    """Means less and plus a standard error; nothing where no group has one."""
    if all(value.error is None for value in values):
        return [], []
    errors = [value.error or 0.0 for value in values]
    means = [value.mean for value in values]
    low = [m - e for m, e in zip(means, errors, strict=True)]
    return low, [m + e for m, e in zip(means, errors, strict=True)]


def bars_over_settings(study: Study) -> list[Panel]:
    """BSSN Fig. 24: a group of bars per setting, a bar per method."""
    _require_scores(study)
    comparison = study.comparison
    section, by = comparison.sections[0], comparison.by
    method = [k for k, option in enumerate(by) if f"{option}.".startswith(f"{METHOD}.")]
    rest = [k for k in range(len(by)) if k not in method]
    methods = labels_of([tuple(g.key[k] for k in method) for g in section.groups], _at(by, method))
    settings = labels_of([tuple(g.key[k] for k in rest) for g in section.groups], _at(by, rest))
    ticks, panels = list(settings.values()), []
    colors = {label: k for k, label in enumerate(dict.fromkeys(methods.values()))}
    for score in study.scores:
        found: dict[str, dict[int, Summary]] = {}
        for line in comparison.lines[section.measure]:
            if score in line.found:
                label = methods[tuple(line.group.key[k] for k in method)]
                tick = ticks.index(settings[tuple(line.group.key[k] for k in rest)])
                found.setdefault(label, {})[tick] = line.found[score]
        curves = []
        for label, values in found.items():
            low, high = _ends(list(values.values()))
            means = [value.mean for value in values.values()]
            places = [float(tick) for tick in values]
            curves.append(Curve(label, places, means, low, high, colors[label]))
        panels.append(Panel("", "setting", score, curves, ticks=ticks))
    return panels


def _at(names: Sequence[str], places: Sequence[int]) -> list[str]:
    return [names[k] for k in places]


def scores_against_variances(study: Study) -> list[Panel]:
    """BSSN Fig. 23: the best score of each run against the product of its layers' variances."""
    if not study.at_best:
        raise Missing("variance/product beside scores", "set diagnostics.of to [variance]")
    curves = [
        Curve(
            study.lanes[k].label,
            [math.log10(product) for product, _ in found],
            [score for _, score in found],
            color=k,
            style="points",
        )
        for k, found in sorted(study.at_best.items())
    ]
    x = "log10 of the product of the layers' variances"
    return [Panel("", x, f"best {study.score}", curves)]


def times(study: Study) -> list[Panel]:
    """SNGAN Fig. 10: seconds per 100 generator updates."""
    if not study.seconds:
        raise Missing("its time in history.jsonl", "train with this version, to the end")
    lanes = sorted(study.seconds)
    ticks = [study.lanes[k].label for k in lanes]
    curves = []
    for place, k in enumerate(lanes):
        seconds = study.seconds[k]
        mean = sum(seconds) / len(seconds)
        low, high = [min(seconds)], [max(seconds)]
        curves.append(Curve(ticks[place], [float(place)], [mean], low, high, k))
    x, y = [c.x[0] for c in curves], [c.y[0] for c in curves]
    low = [c.low[0] for c in curves]
    high = [c.high[0] for c in curves]
    bars = Curve("mean, least and most of the runs", x, y, low, high)
    return [Panel("", "group", "seconds per 100 generator updates", [bars], ticks=ticks)]


def _require_scores(study: Study) -> None:
    if not study.scores:
        raise Missing("scores of finished runs", "train to the end, with evaluations")


def direction(score: str) -> str:
    """What is better, in words.

    >>> direction("digits_fid"), direction("ms_ssim")
    ('lower is better', '')
    """
    return {1: "higher is better", -1: "lower is better"}.get(better(score), "")
