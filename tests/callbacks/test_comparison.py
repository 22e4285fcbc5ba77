"""The generator's scores beside those of images that are known to be real."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gan_lightning.callbacks.comparison import ScoredRow, held_out, table
from gan_lightning.data import digits as digits_data
from gan_lightning.data.base import Split
from gan_lightning.data.prepared import Prepared
from gan_lightning.extractors.digits import digits
from gan_lightning.scores.protocol import monitor
from gan_lightning.scores.record import Result
from gan_lightning.scores.scoring import Judge

COUNT = 40


class numbered(digits_data):
    """Images whose first pixel is their number; those of the test split begin at 100."""

    def load(self, split: Split) -> Prepared:
        images = np.zeros((COUNT, 16, 16, 1), np.uint8)
        images[:, 0, 0, 0] = np.arange(COUNT) + 100 * (split == "test")
        return Prepared(images, None, f"numbered {split}")


class numbered_twice(numbered):
    """The same with a test split."""

    splits = ("train", "test")


def judge(fid_real: int, reference: Split = "train", real: Path | None = None) -> Judge:
    protocol = monitor(is_images=10, is_splits=2, fid_generated=10, fid_real=fid_real)
    return Judge(digits(), protocol, reference=reference, real=real)


def found(data: digits_data, judge: Judge) -> list[int]:
    """The numbers of the images, in their order."""
    source = held_out(data, judge)
    assert source is not None
    return [int(number) for number in source.block(0, len(source))[0][:, 0, 0, 0]]


def test_held_out_images_are_all_of_the_split_that_scores_do_not_compare_with() -> None:
    assert sorted(found(numbered_twice(), judge(5))) == list(range(100, 100 + COUNT))
    assert sorted(found(numbered_twice(), judge(5, "test"))) == list(range(COUNT))


def test_without_another_split_they_are_the_images_that_no_score_looks_at() -> None:
    data, chosen = numbered(), judge(25)
    others = found(data, chosen)
    used = chosen.subset_of(data.images("train"), data.fingerprint("train")).subset()
    assert len(others) == COUNT - 25
    assert sorted([*others, *used.tolist()]) == list(range(COUNT))


def test_they_come_in_a_random_order_that_is_always_the_same() -> None:
    order = found(numbered_twice(), judge(5))
    assert order == found(numbered_twice(), judge(9))
    assert order != sorted(order)
    assert found(numbered(), judge(20)) == found(numbered(), judge(20))
    assert found(numbered(), judge(20)) != sorted(found(numbered(), judge(20)))


def test_two_images_are_enough_and_fewer_are_none() -> None:
    assert len(found(numbered(), judge(COUNT - 2))) == 2
    assert held_out(numbered(), judge(COUNT - 1)) is None
    assert held_out(numbered(), judge(10 * COUNT)) is None


def test_of_a_file_of_statistics_nobody_knows_which_images_it_was_made_from(tmp_path: Path) -> None:
    """But another split is another split."""
    with_file = judge(5, real=tmp_path / "x.npz")
    assert held_out(numbered(), with_file) is None
    assert len(found(numbered_twice(), with_file)) == COUNT


@pytest.mark.runs
def test_scores_far_below_one_show_digits_that_tell() -> None:
    counts = {"fid_generated": 10, "fid_real": 20}
    row = ScoredRow(
        "generator", Result({"fid": 12.34567, "kid": 0.000423151, "is_std": 0.0}, counts)
    )
    shown = table([row], "monitor", "inception").splitlines()[-1].split()
    assert shown == ["generator", "10", "12.346", "0.0004232", "0.000"]


COUNTS = {"fid_generated": 150, "fid_real": 1000}
ROWS = [
    ScoredRow("generator", Result({"fid": 12.5, "is_mean": 3.0, "kid": 2.0}, COUNTS)),
    ScoredRow(
        "moving average", Result({"ema_fid": 7.25, "ema_is_mean": 4.0, "ema_kid": 1.0}, COUNTS)
    ),
    ScoredRow("noise", Result({"is_mean": 1.0, "fid": 333.0}, {**COUNTS, "fid_generated": 60})),
]


def test_each_score_has_its_column_whoever_bears_it_under_which_name() -> None:
    """The generator's order; a dash where there were too few images for a score."""
    head, *rows = table(ROWS, "monitor", "digits").splitlines()[2:]
    assert head.split() == ["images", "fid", "is_mean", "kid"]
    assert [row.split() for row in rows] == [
        ["generator", "150", "12.500", "3.000", "2.000"],
        ["moving", "average", "150", "7.250", "4.000", "1.000"],
        ["noise", "60", "333.000", "1.000", "-"],
    ]


def test_scores_of_others_alone_have_a_column_too() -> None:
    rows = [ROWS[2], ROWS[0]]
    head, first, _ = table(rows, "monitor", "digits").splitlines()[2:]
    assert head.split() == ["images", "is_mean", "fid", "kid"]
    assert first.split()[-1] == "-"


def test_numbers_stand_below_each_other() -> None:
    lines = table(ROWS, "monitor", "digits").splitlines()[2:]
    assert len({len(line) for line in lines}) == 1
    for name in ("images", "fid", "is_mean", "kid"):
        end = lines[0].index(f" {name}") + 1 + len(name)
        assert all(line[end - 1] != " " and line[end : end + 1] in ("", " ") for line in lines)


def test_the_title_says_what_was_compared_with_what() -> None:
    said = table(ROWS[:1], "paper", "inception")
    assert said.startswith(
        "\nScores by extractor inception, protocol paper, against 1000 real images (fid: lower is "
        "better; is_mean: higher is better):\n"
    )
    assert said.endswith("\n")


@pytest.mark.parametrize(
    ("score", "shown"),
    [
        (1.0, "1.000"),
        (-17.25, "-17.250"),
        (0.0, "0.000"),
        (0.99996, "1"),
        (-0.000423151, "-0.0004232"),
    ],
)
def test_digits_are_three_decimals_or_four_that_tell(score: float, shown: str) -> None:
    row = ScoredRow("x", Result({"kid": score}, COUNTS))
    assert table([row], "monitor", "digits").split()[-1] == shown
