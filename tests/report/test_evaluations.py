"""Which numbers of an evaluation are scores, and which evaluation stands for a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.made import made
from tests.report.views import means


@pytest.mark.parametrize(
    ("at", "expected"), [("end", 9.0), ("best", 4.0), ("last", 9.0), ("20", 6.0)]
)
def test_which_evaluation_stands_for_a_run(tmp_path: Path, at: str, expected: float) -> None:
    made(tmp_path / "a", fids={20: 6.0, 40: 4.0, 100: 9.0})
    assert means(tmp_path, at=at) == {(): expected}


def test_versions_and_the_runs_own_fingerprints_are_no_measure(tmp_path: Path) -> None:
    for seed in range(2):
        facts = {"torch": f"2.{seed}", "device": str(seed), "images_fingerprint": str(seed)}
        made(tmp_path / str(seed), seed, fids=[1.0 + 2 * seed], measure=facts)
    assert means(tmp_path) == {(): 2.0}
