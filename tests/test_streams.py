"""Streams: pure functions of (seed, name, position, rank), each with its own numbers."""

from __future__ import annotations

import zlib
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gan_lightning.errors import UserError
from gan_lightning.streams import require_seed, stream

numbers = st.integers(0, 2**32 - 1)
names = st.sampled_from(["latents", "batch", "flips", "epoch", "sample", "evaluation", "mix"])
addresses = st.tuples(numbers, names, numbers, st.integers(0, 1000))


def first(seed: int, name: str, position: int, rank: int) -> tuple[int, ...]:
    return tuple(stream(seed, name, position, rank).integers(2**63, size=3).tolist())


@given(one=addresses, two=addresses)
def test_equal_addresses_and_only_they_give_equal_numbers(
    one: tuple[int, str, int, int], two: tuple[int, str, int, int]
) -> None:
    assert first(*one) == first(*one)
    assert (first(*one) == first(*two)) == (one == two)


def test_neighbours_in_every_direction_differ() -> None:
    found = {first(*a) for a in product((0, 1), ("latents", "batch"), (0, 1, 2), (0, 1, 2))}
    assert len(found) == 2 * 2 * 3 * 3


def test_drawing_changes_nothing_else() -> None:
    state = np.random.get_state(legacy=False)  # noqa: NPY002  (what must not change)
    one = stream(0, "latents", 5)
    one.random(1000)
    assert first(0, "latents", 5, 0) == first(0, "latents", 5, 0)
    np.testing.assert_equal(np.random.get_state(legacy=False), state)  # noqa: NPY002  (the same)


def test_a_position_does_not_run_into_the_next_one() -> None:
    """The counter's high half holds the address: a long draw stays in its own part."""
    long = stream(0, "latents", 0, 0).integers(2**63, size=100_000)
    for position, rank in ((1, 0), (0, 1)):
        head = stream(0, "latents", position, rank).integers(2**63, size=4)
        assert not np.isin(head, long).any()


@pytest.mark.parametrize("seed", [0, 7, 2**32, 2**64 - 1])
@pytest.mark.parametrize(("position", "rank"), [(0, 0), (1234, 0), (5, 3), (2**40, 2**20)])
def test_a_stream_begins_at_its_own_block_of_2_to_the_128(
    seed: int, position: int, rank: int
) -> None:
    """The address is exact, also where numbers exceed float64 and int64."""
    state: Any = stream(seed, "latents", position, rank).bit_generator.state["state"]
    assert state["key"].tolist() == [seed, zlib.crc32(b"latents")]
    assert state["counter"].tolist() == [0, 0, rank, position]


@pytest.mark.parametrize("seed", [0, 1, 128, 2**63, 2**64 - 1])
def test_a_seed_of_64_bits_has_streams(seed: int) -> None:
    require_seed(seed)
    assert 0 <= stream(seed, "latents", 0).random() < 1


@pytest.mark.parametrize("seed", [-1, 2**64, 2**65 - 1])
def test_no_other_seed_has(seed: int) -> None:
    with pytest.raises(UserError, match=rf"^seed {seed} is not allowed: from 0 to 2\^64 - 1$"):
        require_seed(seed)
    with pytest.raises(OverflowError):
        stream(seed, "latents", 0)
