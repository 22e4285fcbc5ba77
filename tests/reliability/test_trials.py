"""A few of the trials; ``python -m tests.reliability --out docs/reliability.md`` makes all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.reliability.__main__ import page
from tests.reliability.runs import SETTINGS
from tests.reliability.trials import KINDS, Outcome, outcome, plan


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_harmed_run_ends_as_one_that_was_left_alone(tmp_path: Path, kind: str) -> None:
    made = outcome(tmp_path, kind, 0)
    assert made.faults == []


@pytest.mark.slow
def test_a_run_that_differs_is_found(tmp_path: Path) -> None:
    """So that the equalities above say something."""
    from tests.reliability.trials import bench

    bench_ = bench(tmp_path)
    one, _ = bench_.whole("bssn")
    assert bench_.differences("bssn", one) == []
    two, _ = bench_.whole("n_dis 3")
    found = bench_.differences("bssn", two)
    assert {"metrics.csv", "scores.jsonl", "last.ckpt: state_dict"} <= set(found)


def test_the_plan_has_every_kind_and_setting() -> None:
    trials = plan(1.0)
    assert len(set(trials)) == len(trials) >= 200
    assert {kind for kind, _ in trials} == set(KINDS)
    assert len(SETTINGS) >= 8
    assert max(n for kind, n in trials if kind.startswith("SIGKILL")) >= len(SETTINGS)


def test_the_page_counts_what_failed() -> None:
    kind = next(iter(KINDS))
    text = page([Outcome(kind, "bssn", 2, []), Outcome(kind, "bssn", 1, ["worse"])], 3.0)
    assert "**2 trials, 1 failed.**" in text
    assert "| 2 | 3 | 1 |" in text
    assert "| bssn | 2 | 1 |" in text
    assert f"- {kind}, bssn: 'worse'" in text
