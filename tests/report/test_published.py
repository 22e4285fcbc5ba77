"""The papers' numbers stand where a run was measured as theirs were, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from gan_lightning.report.evaluations import Measure, better
from gan_lightning.report.published import all_published, beside, published
from gan_lightning.report.score_tables import tables_of
from gan_lightning.report.statistics import Summary
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


OPTIONS = {
    "data": "cifar10",
    "model.norm": "sn",
    "model.discriminator": "CNNDiscriminator",
    "model.objective": "hinge",
    "model.penalties": "[]",
}
MEASURE = (("extractor", "inception"), ("protocol", "paper"))


def test_a_method_has_its_number_whatever_its_optimizer_is() -> None:
    (first, second) = published(
        OPTIONS | {"model.n_dis": "5", "model.norm.scale": "2"}, MEASURE, "fid"
    )
    assert {str(first), str(second)} == {"31.43 ± 0.90", "31.43"}
    assert published(OPTIONS, MEASURE, "fid") == [first, second]
    assert published(OPTIONS, MEASURE, "ema_fid") == [first, second]


@pytest.mark.parametrize(
    "otherwise",
    [
        {"data": "digits"},
        {"model.norm": "ssn_of_mine"},
        {"model.norm.over": "channels"},
        {"model.penalties": "[r1(weight=10)]"},
        {"model.discriminator": "MyDiscriminator"},
        {"model.objective": "wasserstein"},
    ],
)
def test_another_method_has_none(otherwise: dict[str, str]) -> None:
    assert published(OPTIONS | otherwise, MEASURE, "fid") == []
    assert published({}, MEASURE, "fid") == []


@pytest.mark.parametrize(
    ("measure", "score"),
    [
        ((("extractor", "digits"), ("protocol", "paper")), "fid"),
        ((("extractor", "inception"), ("protocol", "monitor")), "fid"),
        ((("protocol", "paper"),), "fid"),
        (MEASURE, "kid"),
        (MEASURE, "digits_fid"),
    ],
)
def test_another_measure_has_none(measure: Measure, score: str) -> None:
    assert published(OPTIONS, measure, score) == []


def test_penalties_and_what_a_norm_works_over_are_part_of_the_method() -> None:
    """Every method of the file is found by the options that make it, and is itself."""
    for number in all_published():
        norm, _, penalty = number.norm.partition("+")
        norm, _, over = norm.strip(")").partition("(")
        options = {
            "data": number.dataset,
            "model.norm": norm,
            "model.discriminator": number.discriminator.replace("Disc", "ProjectionDisc"),
            "model.objective": number.objective,
            "model.penalties": f"[{penalty}(weight=10)]" if penalty else "[]",
        }
        options |= {"model.norm.over": over} if over else {}
        measure = (("extractor", "inception"), ("protocol", number.protocol))
        found = published(options, measure, number.score)
        assert number in found, number
        assert {n.norm for n in found} == {number.norm}


def test_every_number_says_where_it_stands_and_what_it_stands_for() -> None:
    for number in all_published():
        assert number.source.startswith(f"{number.paper} Table {number.table}: ")
        assert float(number.mean) > 0
        assert better(number.score) != 0
        assert str(number) == number.mean + (f" ± {number.error}" if number.error else "")


def test_both_numbers_stand_in_one_line() -> None:
    (number, *_) = published(OPTIONS, MEASURE, "fid")
    assert beside(Summary(2, 30.5, 1.25), number) == f"30.5 ± 1.2 here, {number} in {number.paper}"
