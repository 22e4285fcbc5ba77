"""Presets of the papers, and what a changed or impossible number gives."""

from __future__ import annotations

import pytest
from jsonargparse import ArgumentParser

from gan_lightning.errors import UserError
from gan_lightning.scores.protocol import Protocol, literature, monitor, paper, sngan


@pytest.mark.parametrize(
    ("protocol", "counts"),
    [
        (paper(), (50_000, 10, 5_000, 10_000)),
        (sngan(), (50_000, 10, 10_000, 5_000)),
        (literature(), (50_000, 10, 50_000, 50_000)),
    ],
)
def test_presets_are_those_of_their_sources(protocol: Protocol, counts: tuple[int, ...]) -> None:
    assert tuple(protocol.counts) == counts
    assert protocol.name == type(protocol).__name__


def test_a_changed_number_changes_the_name() -> None:
    assert paper(fid_real=7).counts == (50_000, 10, 7, 10_000)
    assert paper(fid_real=7).name == "modified paper"
    assert paper(fid_real=5_000).name == "paper"


@pytest.mark.parametrize(
    "wrong",
    [
        {"fid_real": 1},
        {"fid_generated": 1},
        {"is_splits": 0},
        {"is_images": 9},
        {"is_images": -5, "is_splits": -5},
    ],
)
def test_counts_that_allow_no_score_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UserError, match=rf"^{next(iter(wrong))[:3]}"):
        paper(**wrong)


def test_too_few_real_images_are_refused_except_for_monitoring() -> None:
    with pytest.raises(UserError, match="5000 real images, but the dataset has 1797"):
        paper().real_count(1797)
    assert paper().real_count(5_000) == 5_000
    assert monitor().real_count(1797) == 1797
    with pytest.raises(UserError, match="at least 2"):
        monitor().real_count(1)


def test_at_most_limits_only_what_is_generated() -> None:
    assert paper().at_most(7).counts == (7, 7, 5_000, 7)
    assert paper().at_most(10**6).counts == paper().counts


class Chosen:
    """Takes a protocol as a callback does.

    Args:
        protocol: The protocol.
    """

    def __init__(self, protocol: Protocol = monitor()) -> None:  # noqa: B008  (has no state)
        self.protocol = protocol


@pytest.mark.parametrize(
    ("arguments", "name", "counts"),
    [
        ([], "monitor", (5_000, 10, 5_000, 5_000)),
        (["--p.protocol", "paper"], "paper", (50_000, 10, 5_000, 10_000)),
        (["--p.protocol.fid_real", "9"], "modified monitor", (5_000, 10, 9, 5_000)),
        (
            ["--p.protocol", "sngan", "--p.protocol.is_splits", "1"],
            "modified sngan",
            (50_000, 1, 10_000, 5_000),
        ),
    ],
)
def test_choosing_a_preset_on_the_command_line_brings_its_own_numbers(
    arguments: list[str], name: str, counts: tuple[int, ...]
) -> None:
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(Chosen, "p")
    protocol = parser.instantiate(parser.parse_args(arguments)).p.protocol
    assert (protocol.name, tuple(protocol.counts)) == (name, counts)
