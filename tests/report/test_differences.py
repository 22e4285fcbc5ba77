"""A group subtracted from others: which runs are paired, and what one may type."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.errors import UserError
from gan_lightning.report.differences import Against, against_of, difference_rows
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


BY = ["model.norm", "model.norm.scale", "model.n_dis"]
VALUES: dict[str, set[str | None]] = {
    "model.norm": {"sn", "ssn"},
    "model.norm.scale": {None, "2"},
    "model.n_dis": {"1", "5"},
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("sn", Against("model.norm", "sn")),
        ("norm=sn", Against("model.norm", "sn")),
        ("model.norm=sn", Against("model.norm", "sn")),
        ("--model.n_dis=5", Against("model.n_dis", "5")),
        ("2", Against("model.norm.scale", "2")),
        (None, None),
    ],
)
def test_a_group_is_named_by_a_value_or_by_option_and_value(
    text: str | None, found: Against | None
) -> None:
    assert against_of(text, VALUES) == found


@pytest.mark.parametrize("text", ["bn", "norm=5", "orm=sn", "model.width=2", ""])
def test_what_names_no_group_is_refused_with_all_that_do(text: str) -> None:
    with pytest.raises(UserError) as caught:
        against_of(text, VALUES)
    assert str(caught.value) == (
        f"against {text} is no value that groups differ in; these are: model.norm: sn, ssn; "
        "model.norm.scale: 2, None; model.n_dis: 1, 5"
    )


def test_one_group_has_nothing_to_be_compared_with() -> None:
    with pytest.raises(UserError, match="these are: none, there is one group"):
        against_of("sn", {})


def test_a_partner_has_the_value_and_all_else_but_what_belongs_to_it() -> None:
    against = Against("model.norm", "sn")
    assert against.partner(("bssn", "1.4", "5"), BY) == ("sn", "5")
    assert against.partner(("sn", None, "5"), BY) == ("sn", "5")
    assert Against("model.n_dis", "1").partner(("bssn", "1.4", "5"), BY) == ("bssn", "1.4", "1")
    assert against_of(str(against), VALUES) == against


def differences(folder: Path, against: str | None) -> dict[str, tuple[int, float]]:
    """First value of each group that has a partner, to pairs and mean difference of the FID."""
    found = comparison(folder, against=against)
    rows = difference_rows(
        found.sections[0], found.by, found.against, ["digits_fid"], found.collection
    )
    return {str(row.group.key[0]): (row.seeds, row.found["digits_fid"].mean) for row in rows}


def test_a_difference_turns_its_sign_with_the_group_it_is_taken_from(tmp_path: Path) -> None:
    for seed in range(3):
        made(tmp_path / f"a-{seed}", seed, "sn", [10.0 + seed])
        made(tmp_path / f"b-{seed}", seed, "bsn", [7.0 - seed])
    assert differences(tmp_path, "sn") == {"bsn": (3, -5.0)}
    assert differences(tmp_path, "bsn") == {"sn": (3, 5.0)}
    assert differences(tmp_path, None) == {}


def test_a_group_without_exactly_one_partner_has_no_difference(tmp_path: Path) -> None:
    made(tmp_path / "sn-1", 0, "sn", [10.0], n_dis=1)
    made(tmp_path / "bsn-1", 0, "bsn", [8.0], n_dis=1)
    made(tmp_path / "bsn-5", 0, "bsn", [1.0], n_dis=5)
    assert differences(tmp_path, "sn") == {"bsn": (1, -2.0)}
    for scale in (1.0, 2.0):
        made(tmp_path / f"ssn-{scale}", 0, {"name": "ssn", "scale": scale}, [5.0], n_dis=5)
    assert differences(tmp_path, "ssn") == {}


def test_a_group_without_a_common_seed_has_a_partner_and_no_number(tmp_path: Path) -> None:
    made(tmp_path / "a", 0, "sn", [10.0])
    made(tmp_path / "b", 1, "bsn", [7.0])
    found = comparison(tmp_path, against="sn")
    (row,) = difference_rows(
        found.sections[0], found.by, found.against, ["digits_fid"], found.collection
    )
    assert (row.seeds, row.found) == (0, {})
