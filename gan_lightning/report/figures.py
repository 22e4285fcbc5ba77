"""Which figure of the papers is drawn by what: a row per drawing, found by every number it has."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from gan_lightning.errors import UserError
from gan_lightning.report import layers, settings
from gan_lightning.report.picture import Panel, Picture
from gan_lightning.report.study import Study

MEANS = "Lines are means over seeds, bands one standard error; dotted lines are unfinished runs."


class FigureKind(NamedTuple):
    """A drawing.

    Attributes:
        name: What it is called.
        numbers: The papers' figures of this kind.
        title: What it shows.
        caption: How to read it.
        make: Makes its panels, or says what is missing.
    """

    name: str
    numbers: tuple[str, ...]
    title: str
    caption: str
    make: Callable[[Study], list[Panel]]


def _bssn(*numbers: int) -> tuple[str, ...]:
    return tuple(f"bssn-{number}" for number in numbers)


def _sngan(*numbers: int) -> tuple[str, ...]:
    return tuple(f"sngan-{number}" for number in numbers)


FIGURES = (
    FigureKind(
        "scores",
        (*_bssn(9, 10, 19, *range(27, 36), *range(41, 51), *range(56, 61), 65, 66), *_sngan(5, 15)),
        "Scores over training",
        MEANS,
        settings.scores_over_training,
    ),
    FigureKind(
        "scale",
        _bssn(4, 6, 8),
        "Scores against the scale",
        "Means and one standard error over seeds; dotted levels are methods without a scale. "
        "Fig. 8 takes each run's best score (at: best).",
        settings.scores_against_scale,
    ),
    FigureKind(
        "settings",
        (*_bssn(24, 25, 26, 40, 55), *_sngan(1, 2)),
        "Scores over settings",
        "Means and one standard error over seeds.",
        settings.bars_over_settings,
    ),
    FigureKind(
        "n-dis",
        _sngan(11),
        "Scores against the discriminator's updates per iteration",
        "Means and one standard error over seeds.",
        settings.scores_against_n_dis,
    ),
    FigureKind(
        "width",
        _sngan(4),
        "Scores against the width of the discriminator's last layer",
        "Means and one standard error over seeds.",
        settings.scores_against_width,
    ),
    FigureKind(
        "gradients",
        _bssn(2, 5, 11, 12, 13, 18),
        "Gradient norms of the discriminator's weights",
        f"{MEANS} Zeros lie on the lower edge.",
        layers.gradient_norm_panels,
    ),
    FigureKind(
        "rescaling",
        _bssn(3, 14, 15),
        "Gradient norms of rescaled layers against their spectral norms",
        "Each point is a layer by the first one, after a random rescaling that keeps the network "
        "the same function (Proposition 2).",
        layers.rescaled,
    ),
    FigureKind(
        "variances",
        _bssn(7, 16, 17, 22),
        "Variances of the weights that the discriminator uses",
        f"{MEANS} Dashed: the bounds of Theorem 2 (sn) and Theorem 3 (bsn) times scale squared.",
        layers.variance_panels,
    ),
    FigureKind(
        "variance-product",
        _bssn(23),
        "Best score against the variances at that time",
        "A point per run.",
        settings.scores_against_variances,
    ),
    FigureKind(
        "norm-ratios",
        _bssn(20, 21),
        "Norm of the convolution by that of the reshaped weight",
        f"{MEANS} Dashed: 1 and Tsuzuku et al.'s alpha.",
        layers.norm_ratios,
    ),
    FigureKind(
        "spectra",
        _sngan(3),
        "Singular values of the discriminator's layers",
        "Squared singular values of the reshaped weights at the last look at one run of each "
        "group, divided by the largest.",
        layers.spectra_panels,
    ),
    FigureKind(
        "spectral-norms",
        _sngan(9),
        "Spectral norms of the discriminator's layers",
        MEANS,
        layers.spectral_norms,
    ),
    FigureKind(
        "outputs",
        _sngan(17),
        "Outputs of the discriminator on real, generated and held-out images",
        f"{MEANS} Where held-out images score less than real ones, D has learnt its images by "
        "heart.",
        layers.outputs,
    ),
    FigureKind(
        "input-gradients",
        (),
        "Gradient of the discriminator by its input",
        MEANS,
        layers.input_gradient_panels,
    ),
    FigureKind(
        "time",
        _sngan(10),
        "Time of training",
        "Evaluations are not counted; logging, checkpoints and diagnostics are. Whiskers: least "
        "and most of the runs. Times of different machines do not compare.",
        settings.times,
    ),
    FigureKind("losses", (), "Losses", MEANS, settings.losses),
)

SAMPLES = ("samples", *_bssn(*range(36, 40), *range(51, 55), *range(61, 65)), *_sngan(6, 7, 12))
"""The names of the grids of images, which are no drawings."""


class Asked(NamedTuple):
    """A drawing by the name that it was asked for."""

    name: str
    row: FigureKind

    def picture(self, study: Study) -> Picture:
        """Draws it.

        Raises:
            Missing: No run holds what it shows.
        """
        paper = figure_in_words(self.name) if self.name in self.row.numbers else ""
        title = f"{paper}: {self.row.title}" if paper else self.row.title
        return Picture(self.name, title, self.row.caption, self.row.make(study))


def asked(names: Sequence[str] | None) -> Iterator[Asked]:
    """The drawings of the names; all, by their own names, where nothing was asked for.

    Raises:
        UserError: No figure has that name.
    """
    if names is None:
        yield from (Asked(row.name, row) for row in FIGURES)
        return
    for name in names:
        if name in SAMPLES:
            continue
        found = [row for row in FIGURES if name == row.name or name in row.numbers]
        if not found:
            known = [n for row in FIGURES for n in (row.name, *row.numbers)] + [*SAMPLES]
            near = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
            known = near or [*(row.name for row in FIGURES), "samples", "bssn-2", "sngan-3", "..."]
            raise UserError(f"{name} is no figure; some that are: {', '.join(known)}", "figure")
        yield Asked(name, found[0])


def figure_in_words(name: str) -> str:
    """A figure's number as papers write it.

    >>> in_words("bssn-7")
    'BSSN Fig. 7'
    """
    paper, _, number = name.partition("-")
    return f"{paper.upper()} Fig. {number}"
