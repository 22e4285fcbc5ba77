"""Options by the names that a user types, and which of them make no two runs different."""

from __future__ import annotations

from pathlib import Path

from tests.report.made import made
from tests.report.views import means


def test_the_seed_and_what_is_harmless_never_split(tmp_path: Path) -> None:
    for seed in range(3):  # their `run` and `samples.every_n_steps` differ as well
        made(tmp_path / str(seed), seed, fids=[float(seed)])
    assert means(tmp_path) == {(): 1.0}
