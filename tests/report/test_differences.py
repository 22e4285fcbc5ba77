"""A group subtracted from others: which runs are paired, and what one may type."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.report.score_tables import tables_of
from tests.report.made import made
from tests.report.views import comparison


def test_differences_are_taken_at_common_seeds_only(tmp_path: Path) -> None:
    for seed, fid in {0: 10.0, 1: 20.0, 5: 1000.0}.items():
        made(tmp_path / f"sn-{seed}", seed, "sn", [fid])
    for seed, fid in {1: 17.0, 0: 8.0, 7: -1000.0}.items():
        made(tmp_path / f"bsn-{seed}", seed, "bsn", [fid])
    (row,) = tables_of(comparison(tmp_path, against="model.norm=sn"))[1].rows
    assert [cell.text for cell in row] == ["bsn", "2", "-2.50 ± 0.50"]


def test_differences_leave_other_options_alike(tmp_path: Path) -> None:
    """A norm is compared with SN of the same n_dis, whatever scale it has of its own."""
    for n_dis, fids in {1: (10.0, 7.0), 5: (100.0, 90.0)}.items():
        made(tmp_path / f"sn-{n_dis}", 0, "sn", fids[:1], n_dis=n_dis)
        made(tmp_path / f"b-{n_dis}", 0, {"name": "bssn", "scale": n_dis}, fids[1:], n_dis=n_dis)
    rows = tables_of(comparison(tmp_path, against="sn"))[1].rows
    assert sorted(float(row[-1].text) for row in rows) == [-10.0, -3.0]


def test_differences_of_pooled_runs_pair_what_is_else_alike(tmp_path: Path) -> None:
    """Seed 0 of n_dis 1 with seed 0 of n_dis 1, although both stand in one line."""
    for n_dis, (sn, bsn) in {1: (10.0, 7.0), 5: (100.0, 95.0)}.items():
        made(tmp_path / f"sn-{n_dis}", 0, "sn", [sn], n_dis=n_dis)
        made(tmp_path / f"bsn-{n_dis}", 0, {"name": "bssn", "scale": n_dis}, [bsn], n_dis=n_dis)
    found = comparison(tmp_path, "model.norm", against="sn")
    assert tables_of(found)[1].rows[0][2].text == "-4.0 ± 1.0"


def test_a_value_of_two_options_has_to_be_told_apart(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, {"name": "ssn", "scale": 2}, n_dis=1)
    made(tmp_path / "b", 0, {"name": "ssn", "scale": 1}, n_dis=2)
    with pytest.raises(UserError, match=r"value of model.norm.scale and of model.n_dis: write"):
        comparison(tmp_path, against="2")
