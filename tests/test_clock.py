"""When something is due, and which iterations a training step makes."""

from __future__ import annotations

import itertools

import pytest

from gan_lightning.clock import crossed, training_step

FEW = range(9)


def test_it_is_due_once_per_multiple_that_is_passed_or_reached() -> None:
    for before, more, interval in itertools.product(FEW, FEW, range(1, 6)):
        now = before + more
        multiples = [t for t in range(before + 1, now + 1) if t % interval == 0]
        assert crossed(before, now, interval) == bool(multiples), (before, now, interval)


def test_what_has_no_interval_is_never_due() -> None:
    assert not any(crossed(before, now, 0) for before in FEW for now in FEW)


def test_counts_are_exact_beyond_those_of_a_float() -> None:
    assert not crossed(2**53 + 1, 2**53 + 1, 1)
    assert crossed(2**53 + 1, 2**53 + 2, 1)


@pytest.mark.parametrize("interval", [1, 3, 4, 10])
def test_steps_of_any_length_meet_a_multiple_as_often_as_single_ones(interval: int) -> None:
    """As long as they are no longer than the interval; longer ones meet several at once."""
    for length in range(1, interval + 1):
        ends = range(0, 60 + 1, length)
        met = sum(crossed(*pair, interval) for pair in itertools.pairwise(ends))
        assert met == ends[-1] // interval, length


@pytest.mark.parametrize("iterations", [1, 2, 3, 10])
@pytest.mark.parametrize("stop", [1, 7, 10, 12])
def test_training_steps_make_every_iteration_once(iterations: int, stop: int) -> None:
    for start in range(stop + 1):
        made: list[int] = []
        while start + len(made) < stop:
            step = training_step(start + len(made), iterations, stop)
            assert 1 <= len(step) <= iterations
            made += step
        assert made == list(range(start, stop))


def test_wherever_a_run_began_its_training_steps_end_in_time_with_the_others() -> None:
    for start, iterations in itertools.product(range(30), range(1, 8)):
        end = training_step(start, iterations, 1000).stop
        assert end % iterations == 0
        assert start < end <= start + iterations


def test_nothing_is_left_to_do_at_the_end() -> None:
    assert len(training_step(10, 4, 10)) == 0
