"""Options by the names that a user types, and which of them make no two runs different."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from gan_lightning.report.options import (
    distinguishing_options,
    in_text,
    is_harmless,
    options_of,
    ordered,
)
from tests.report.made import made
from tests.report.views import means


def test_the_seed_and_what_is_harmless_never_split(tmp_path: Path) -> None:
    for seed in range(3):  # their `run` and `samples.every_n_steps` differ as well
        made(tmp_path / str(seed), seed, fids=[float(seed)])
    assert means(tmp_path) == {(): 1.0}


def test_a_class_goes_by_the_name_of_what_it_is_chosen_for() -> None:
    config = {
        "model": {
            "norm": {"class_path": "gan_lightning.normalization.bssn", "init_args": {"scale": 2.5}},
            "generator": {"class_path": "mine.net", "init_args": {"stem": {"width": 3}}},
        },
        "class_path": "kept",
    }
    assert options_of(config) == {
        "model.norm": "bssn",
        "model.norm.scale": "2.5",
        "model.generator": "mine.net",
        "model.generator.stem.width": "3",
        "class_path": "kept",
    }
    assert options_of({}) == {}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1, "1"),
        (1.0, "1"),
        (-0.5, "-0.5"),
        (1e-05, "1e-05"),
        (1e300, "1e+300"),
        (math.inf, "inf"),
        (False, "false"),
        ("a\n  b", "a b"),
        ([], "[]"),
        ((None, True), "[null, true]"),
        ({"a": 1.0, "b": [2]}, "{a: 1, b: [2]}"),
        ({"class_path": "gan_lightning.penalties.r1"}, "r1"),
        (
            {"class_path": "mine.p", "init_args": {"a": 1, "b": {"class_path": "x"}}},
            "mine.p(a=1, b=x)",
        ),
    ],
)
def test_values_read_as_one_would_write_them(value: object, text: str) -> None:
    assert in_text(value) == text
    assert in_text([value]) == f"[{text}]"


@pytest.mark.parametrize(
    "option",
    [
        *("seed_everything", "run", "model.seed", "data.seed", "samples.rows", "evaluation.cache"),
        *("trainer.logger", "trainer.logger.name", "data.root", "diagnostics.of", "_private"),
        *("trainer.enable_progress_bar", "checkpoints.every_n_steps", "data.device_cache_gb"),
    ],
)
def test_what_cannot_matter_to_a_score_makes_no_two_runs_different(option: str) -> None:
    assert is_harmless(option)
    assert is_harmless(option)  # and it is remembered
    assert distinguishing_options({option: "1", "model.norm": "sn"}) == {"model.norm": "sn"}


@pytest.mark.parametrize(
    "option",
    [
        *("model.norm", "model.norm.seed", "trainer.max_steps", "trainer.precision", "data"),
        *("data.batch_size", "data.roots", "my.run", "model.samples.rows", "trainer"),
    ],
)
def test_everything_else_does(option: str) -> None:
    """An option that is new to the project as well."""
    assert not is_harmless(option)
    assert distinguishing_options({option: "1"}) == {option: "1"}


def test_values_come_absent_ones_first_then_numbers_by_size_then_words() -> None:
    values = ["sn", "10", None, "1e-3", "bsn", "9", "-1"]
    assert ordered(values) == [None, "-1", "1e-3", "9", "10", "bsn", "sn"]
    assert ordered(reversed(values)) == ordered(values)
