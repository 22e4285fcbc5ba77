"""What keeps a figure from being drawn is said with what would make runs hold it."""

from __future__ import annotations

import pytest

from gan_lightning.errors import UserError
from gan_lightning.report.missing import Missing


def test_what_is_missing_is_said_before_its_remedy() -> None:
    assert str(Missing("spectra", "set diagnostics.of to [spectra]")) == (
        "no run holds spectra: set diagnostics.of to [spectra]"
    )


def test_a_missing_figure_is_no_mistake_of_the_user() -> None:
    """The page goes on without it; a mistake would end the command."""
    with pytest.raises(Missing) as caught:
        raise Missing("losses", "train")
    assert not isinstance(caught.value, UserError)
