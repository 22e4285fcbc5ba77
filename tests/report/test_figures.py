"""Every figure of the papers is found by its number, and says what it needs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.report.figures import FIGURES, SAMPLES, asked
from gan_lightning.report.missing import Missing
from tests.report.made import made
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
