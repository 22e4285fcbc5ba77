"""Scores over seeds, grouped by what differs between runs."""

from __future__ import annotations

import math
from pathlib import Path

from gan_lightning.report.score_tables import tables_of
from tests.report.made import made
from tests.report.views import comparison, means


def test_means_by_hand_over_seeds(tmp_path: Path) -> None:
    for seed, (sn, bssn) in enumerate([(30.0, 20.0), (34.0, 26.0), (38.0, 23.0)]):
        made(tmp_path / f"sn-{seed}", seed, "sn", [sn])
        made(tmp_path / f"bssn-{seed}", seed, {"name": "bssn", "scale": 1.4}, [bssn])
    assert means(tmp_path) == {("bssn", "1.4"): 23.0, ("sn", "None"): 34.0}
    found = comparison(tmp_path, against="sn")
    (table, difference) = tables_of(found)
    assert [[cell.text for cell in row][:3] for row in table.rows] == [
        ["bssn", "1.4", "3"],
        ["sn", "-", "3"],
    ]
    assert [cell.best for row in table.rows for cell in row] == [False] * 3 + [True] + [False] * 4
    # differences -10, -8, -15: mean -11, deviations 1, 3, -4: variance 13
    assert difference.rows[0][3].text.startswith(f"-11.0 ± {math.sqrt(13 / 3):.1f} [")


def test_by_pools_what_it_leaves_out_and_says_so(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, fids=[1.0])
    made(tmp_path / "b", 0, fids=[3.0], n_dis=5)
    assert means(tmp_path, by="model.norm") == {("sn",): 2.0}
    (table,) = tables_of(comparison(tmp_path, "model.norm"))
    assert "runs of one line differ in model.n_dis, by which they are not grouped" in table.notes
