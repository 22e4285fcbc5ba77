"""What a run's history says of its course."""

from __future__ import annotations

import time

import pytest

from gan_lightning.cli.record import Stopwatch


@pytest.mark.parametrize(
    ("course", "shown"),
    [
        ([(5, "")], 5),
        ([(5, "pause"), (100, "go_on"), (2, "")], 7),
        ([(5, "pause"), (100, "go_on"), (2, "pause"), (50, "go_on"), (1, "")], 8),
        ([(5, "pause"), (100, "")], 5),  # stopped in the middle of a pause
        ([(5, "pause"), (100, "go_on"), (2, "pause"), (30, "")], 7),
    ],
)
def test_pauses_are_no_time_even_one_that_never_ended(
    course: list[tuple[float, str]], shown: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1e4
    monkeypatch.setattr(time, "monotonic", lambda: now)
    clock = Stopwatch()
    for passed, event in course:
        now += passed
        if event:
            getattr(clock, event)()
    assert clock.seconds() == shown
