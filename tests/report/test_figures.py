"""Every figure of the papers is found by its number, and says what it needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.report.figures import FIGURES, SAMPLES, asked, figure_in_words
from gan_lightning.report.missing import Missing
from tests.report.made import logged, made
from tests.report.views import panels, study


def test_what_no_run_holds_is_said_with_its_option(tmp_path: Path) -> None:
    made(tmp_path / "a")
    for name, option in {
        "bssn-2": "diagnostics.of to [gradient_norm]",
        "bssn-7": "diagnostics.of to [variance]",
        "sngan-3": "diagnostics.of to [spectra]",
        "sngan-11": "several model.n_dis",
    }.items():
        with pytest.raises(Missing, match=re.escape(option)):
            panels(name, study(tmp_path))


def test_every_figure_of_the_papers_has_one_row() -> None:
    numbers = [number for row in FIGURES for number in row.numbers] + [*SAMPLES]
    assert len(numbers) == len(set(numbers))
    studies = {
        *(f"bssn-{n}" for n in (*range(2, 51), 55, *range(56, 61), 65, 66)),
        *(f"sngan-{n}" for n in (3, 4, 9, 10, 11, 17)),
    }
    assert studies <= set(numbers)
    with pytest.raises(UserError, match="bssn-99 is no figure"):
        list(asked(["bssn-99"]))


def test_without_names_every_drawing_comes_once_by_its_own() -> None:
    assert [drawing.name for drawing in asked(None)] == [row.name for row in FIGURES]
    assert list(asked([])) == []


def test_a_drawing_has_the_name_that_it_was_asked_for_by(tmp_path: Path) -> None:
    """A file of Fig. 2 is called so, and its title says which paper's it is."""
    logged(made(tmp_path / "a"), {"gradient_norm/total": {0: 1.0, 100: 1.0}})
    one, other = (drawing.picture(study(tmp_path)) for drawing in asked(["bssn-2", "gradients"]))
    assert (one.name, other.name) == ("bssn-2", "gradients")
    assert one.title == f"BSSN Fig. 2: {other.title}"
    assert (one.panels, one.caption) == (other.panels, other.caption)


def test_grids_of_samples_are_no_drawings() -> None:
    assert [drawing.row.name for drawing in asked(["samples", "bssn-6", "sngan-6"])] == ["scale"]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("bssn-99", "figure bssn-99 is no figure; some that are: bssn-9"),
        ("spectrum", "figure spectrum is no figure; some that are: spectra"),
        ("qqq", "figure qqq is no figure; some that are: scores, scale, settings"),
        ("", "figure  is no figure; some that are: scores, scale, settings"),
    ],
)
def test_a_name_of_no_figure_is_refused_with_near_ones(name: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        list(asked(["scores", name]))
    assert str(caught.value).startswith(said)


def test_figures_are_told_apart_by_name_and_each_says_how_to_read_it() -> None:
    names = [row.name for row in FIGURES]
    assert len({*names, *SAMPLES}) == len(names) + len(SAMPLES)
    assert all(row.title and row.caption.endswith(".") for row in FIGURES)
    assert len({row.make for row in FIGURES}) == len(FIGURES)


@pytest.mark.parametrize(
    ("name", "words"), [("bssn-7", "BSSN Fig. 7"), ("sngan-17", "SNGAN Fig. 17")]
)
def test_a_number_reads_as_papers_write_it(name: str, words: str) -> None:
    assert figure_in_words(name) == words
