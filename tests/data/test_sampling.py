"""Which images a position draws."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations, pairwise, product

import numpy as np
import pytest
from scipy import stats

from gan_lightning.data import sampling
from gan_lightning.data.sampling import Epochs, Replacement, Subset, flips, members
from gan_lightning.streams import stream

DRAWS: dict[str, Callable[[int, int, int], list[int]]] = {
    "batch": lambda seed, position, rank: Replacement(1000, 64, seed, rank)(position).tolist(),
    "epoch": lambda seed, position, rank: Epochs(1000, 64, seed, rank, 3)(position).tolist(),
    "flips": lambda seed, position, rank: flips(64, seed, position, rank).tolist(),
}
"""What a position draws, as a function of seed, position and rank."""


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


@pytest.mark.parametrize("name", DRAWS)
def test_seed_position_and_rank_all_matter(name: str) -> None:
    """64 images out of 1,000, or 64 coins, are never the same by chance."""
    drawn = [DRAWS[name](*where) for where in product((0, 1, 2), (0, 1, 7), (0, 1, 2))]
    assert all(one != two for one, two in combinations(drawn, 2))
    assert drawn == [DRAWS[name](*where) for where in product((0, 1, 2), (0, 1, 7), (0, 1, 2))]


def test_no_two_draws_share_random_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither with each other nor with latents; the ranks of an epoch share its permutation."""
    asked: set[tuple[object, ...]] = set()

    def noting(seed: int, name: str, position: int, rank: int = 0) -> np.random.Generator:
        asked.add((seed, name, position, rank))
        return stream(seed, name, position, rank)

    monkeypatch.setattr(sampling, "stream", noting)
    sampling._permutation.cache_clear()
    seeds, positions, ranks = (0, 1, 2**32 - 1), (0, 1, 40), (0, 1, 2)
    for draw, *where in product(DRAWS.values(), seeds, positions, ranks):
        draw(*where)
    sampling._permutation.cache_clear()
    wanted = {
        (seed, name, position, rank)
        for seed, name, position, rank in product(seeds, ("batch", "flips"), positions, ranks)
    }
    epochs = {(seed, "epoch", epoch, 0) for seed, epoch in product(seeds, (0, 7))}
    assert asked == wanted | epochs
    latents = {(seed, "latents", position, rank) for seed, _, position, rank in wanted}
    first = [stream(*where).bytes(16) for where in asked | latents]
    assert len(set(first)) == len(first)


def test_epochs_of_other_seeds_and_epochs_have_other_orders() -> None:
    orders = [
        Epochs(50, 50, seed, 0, 1)(epoch).tolist() for seed, epoch in product(range(3), range(3))
    ]
    assert all(one != two for one, two in combinations(orders, 2))


def test_members_are_different_images_in_their_order() -> None:
    chosen = members(50, 20, 3)
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) == 20
    assert chosen[0] >= 0
    assert chosen[-1] < 50
    assert members(50, 50, 3).tolist() == list(range(50))
    assert chosen.tolist() == sorted(stream(3, "members", 0).permutation(50)[:20])


def test_a_smaller_limit_chooses_some_of_a_larger_ones() -> None:
    assert {*members(50, 20, 3)} < {*members(50, 30, 3)}
    assert {*members(50, 20, 3)} != {*members(50, 20, 4)}


def test_every_image_is_chosen_as_often() -> None:
    counts = np.bincount(np.concatenate([members(40, 10, seed) for seed in range(2000)]))
    assert stats.chisquare(counts).pvalue > 1e-3


def test_a_subset_draws_as_if_there_were_no_others() -> None:
    chosen = members(1000, 30, 0)
    draw = Subset(Epochs(30, 16, 5, 0, 1), chosen)
    drawn = np.concatenate([draw(position) for position in range(15)])
    assert np.array_equal(np.sort(drawn), np.sort(np.tile(chosen, 8)))
    place = Replacement(30, 16, 5, 0)(7)
    assert Subset(Replacement(30, 16, 5, 0), chosen)(7).tolist() == chosen[place].tolist()
