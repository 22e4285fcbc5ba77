"""Which images a position draws."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from gan_lightning.data.sampling import Epochs, Replacement, flips


def test_replacement_is_uniform() -> None:
    draw = Replacement(count=50, size=64, seed=3, rank=0)
    drawn = np.concatenate([draw(position) for position in range(2000)])
    assert stats.chisquare(np.bincount(drawn, minlength=50)).pvalue > 1e-3


def test_replacement_draws_pairs_independently() -> None:
    """Neighbours within a batch, and the same place of neighbouring positions, ranks and seeds."""
    at = {
        "place": (Replacement(7, 2000, 1, 0)(5)[:-1], Replacement(7, 2000, 1, 0)(5)[1:]),
        "position": (Replacement(7, 2000, 1, 0)(5), Replacement(7, 2000, 1, 0)(6)),
        "rank": (Replacement(7, 2000, 1, 0)(5), Replacement(7, 2000, 1, 1)(5)),
        "seed": (Replacement(7, 2000, 1, 0)(5), Replacement(7, 2000, 2, 0)(5)),
    }
    for name, (first, second) in at.items():
        table = np.zeros((7, 7))
        np.add.at(table, (first, second), 1)
        assert stats.chi2_contingency(table).pvalue > 1e-3, name


def test_a_batch_repeats_images_as_often_as_chance_does() -> None:
    """With replacement, a batch of 64 out of 100 holds 100 (1 - 0.99^64) different images."""
    draw = Replacement(count=100, size=64, seed=0, rank=0)
    different = np.mean([len(np.unique(draw(position))) for position in range(500)])
    assert different == pytest.approx(100 * (1 - 0.99**64), abs=0.5)


def test_the_order_of_asking_does_not_matter() -> None:
    draw = Replacement(1000, 16, 0, 0)
    forth = [draw(position).tolist() for position in range(5)]
    back = [draw(position).tolist() for position in reversed(range(5))]
    assert forth == back[::-1]
    assert len({tuple(indices) for indices in forth}) == 5


@pytest.mark.parametrize(
    ("count", "size", "ranks"), [(60, 7, 1), (60, 7, 3), (5, 64, 2), (64, 8, 2)]
)
def test_epochs_pass_through_every_image_once(count: int, size: int, ranks: int) -> None:
    draws = [Epochs(count, size, 4, rank, ranks) for rank in range(ranks)]
    positions = 4 * count // (size * ranks) + 4
    order = np.concatenate([draw(position) for position in range(positions) for draw in draws])
    epochs = order[: len(order) // count * count].reshape(-1, count)
    assert len(epochs) >= 4
    assert all(sorted(epoch) == list(range(count)) for epoch in epochs.tolist())
    assert all((before != after).any() for before, after in pairwise(epochs))


def test_ranks_of_an_epoch_are_disjoint() -> None:
    seen = [
        {i for position in range(10) for i in Epochs(400, 10, 0, rank, 4)(position).tolist()}
        for rank in range(4)
    ]
    assert set.union(*seen) == set(range(400))
    assert sum(map(len, seen)) == 400


def test_flips_are_fair_and_independent_of_the_images() -> None:
    flipped = np.concatenate([flips(64, 0, position, 0) for position in range(500)])
    drawn = np.concatenate([Replacement(2, 64, 0, 0)(position) for position in range(500)])
    table = np.zeros((2, 2))
    np.add.at(table, (flipped.astype(int), drawn), 1)
    assert stats.binomtest(int(flipped.sum()), len(flipped)).pvalue > 1e-3
    assert stats.chi2_contingency(table).pvalue > 1e-3
    np.testing.assert_array_equal(flips(64, 0, 9, 0), flips(64, 0, 9, 0))
    assert (flips(64, 0, 9, 0) != flips(64, 0, 9, 1)).any()
