"""The papers' numbers stand where a run was measured as theirs were, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.report.published import all_published
from gan_lightning.report.score_tables import tables_of
from tests.report.made import inception, made, of_cifar10
from tests.report.views import comparison


@pytest.mark.parametrize(
    ("protocol", "expected"),
    [
        ("paper", "31.43 ± 0.90 [1]; 31.43 [2]"),
        ("sngan", "25.5 [1]"),
        ("monitor", None),
        ("modified paper", None),
    ],
)
def test_published_numbers_stand_where_the_protocol_is_theirs(
    tmp_path: Path, protocol: str, expected: str | None
) -> None:
    of_cifar10(made(tmp_path / "a", measure=inception(protocol)))
    (table,) = tables_of(comparison(tmp_path))
    assert table.head[-1] == ("fid published" if expected else "fid")
    assert not expected or table.rows[0][-1].text == expected


def test_published_numbers_are_those_of_the_papers() -> None:
    """Samples of the tables as they are printed."""
    found = {
        (n.paper, n.table, n.dataset, n.norm, n.objective, n.score): n for n in all_published()
    }
    assert len(found) < len(all_published()) == 28 + 20 + 30  # ResNet beside CNN
    assert str(found["BSSN", "1", "cifar10", "bssn", "hinge", "fid"]) == "26.94 ± 0.58"
    assert str(found["BSSN", "1", "imagenet", "bsn", "hinge", "is_mean"]) == "1.77 ± 0.13"
    assert str(found["BSSN", "1", "celeba", "ssn", "hinge", "fid"]) == "8.50 ± 0.20"
    assert str(found["SNGAN", "2", "cifar10", "clip", "standard", "fid"]) == "42.6"
