"""From positions to batches: the same images for the same position, on host and device."""

from __future__ import annotations

import itertools
import signal

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gan_lightning.data.loading import (
    DeviceCache,
    HostImages,
    Picker,
    Pixels,
    Spans,
    leave_signals_to_the_trainer,
    to_batch,
)
from gan_lightning.data.prepared import Prepared
from gan_lightning.data.sampling import Epochs, IndexSampler, Replacement
from gan_lightning.runs.signals import STOPPING
from tests.conftest import same
from tests.data import formats


@pytest.mark.parametrize("value_range", [(-1.0, 1.0), (0.0, 1.0)])
def test_bytes_become_floats(value_range: tuple[float, float]) -> None:
    every = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16, 1)
    images = to_batch(Pixels(every, None, None), value_range).images
    x = np.arange(256, dtype=np.float32)
    expected = x / np.float32(127.5) - 1 if value_range[0] else x / np.float32(255)
    np.testing.assert_array_equal(images.flatten().numpy(), expected)
    assert (images.min().item(), images.max().item()) == value_range


def test_images_are_channels_last() -> None:
    images = to_batch(Pixels(torch.zeros(2, 8, 8, 3).byte(), None, None), (-1, 1)).images
    assert images.shape == (2, 3, 8, 8)
    assert images.is_contiguous(memory_format=torch.channels_last)


def test_spans_cover_what_is_left_and_count_what_is_done() -> None:
    spans = Spans(start=4, stop=11, step=3, done=2)
    assert list(spans) == [range(4, 6), range(6, 9), range(9, 11)]
    assert len(spans) == 5
    assert list(Spans(11, 11, 3, 4)) == []


def picker(count: int, sampling: str, size: int = 16, seed: int = 3, rank: int = 0) -> Picker:
    draw: IndexSampler = Replacement(count, size, seed, rank)
    if sampling == "epoch":
        draw = Epochs(count, size, seed, rank, world_size=3)
    return Picker(draw, size, seed, rank, flip=True)


@pytest.mark.parametrize("sampling", ["replacement", "epoch"])
@pytest.mark.parametrize("rank", [0, 2])
@given(start=st.integers(0, 40), length=st.integers(0, 25), step=st.integers(1, 12))
@settings(deadline=None, max_examples=30)
def test_every_way_through_a_run_draws_the_same(
    sampling: str, rank: int, start: int, length: int, step: int
) -> None:
    """From any position on, any number of positions at a time: those of the single positions."""
    draw = picker(50, sampling, rank=rank)
    spans = list(Spans(start, start + length, step, done=7))
    assert [t for span in spans for t in span] == list(range(start, start + length))
    singles = [draw(range(t, t + 1)) for t in range(start, start + length)]
    together = [draw(span) for span in spans]
    for part in ("indices", "flips"):
        one = [value for picks in singles for value in getattr(picks, part).tolist()]
        assert [value for picks in together for value in getattr(picks, part).tolist()] == one
    assert len(Spans(start, start + length, step, done=7)) == 7 + len(spans)


@pytest.mark.parametrize("sampling", ["replacement", "epoch"])
def test_no_two_positions_or_ranks_draw_the_same(sampling: str) -> None:
    """Neither images nor flips, within one element or of another."""
    at = [
        picker(1000, sampling, 64, rank=rank)(span)
        for rank in range(3)
        for span in (range(0, 3), range(3, 5))
    ]
    for part in ("indices", "flips"):
        drawn = torch.cat([getattr(picks, part) for picks in at]).reshape(-1, 64).tolist()
        assert len(drawn) == 15
        assert all(one != two for one, two in itertools.combinations(drawn, 2))


def test_host_and_device_gather_alike() -> None:
    images = formats.noise(40, 4, 4, 3)
    prepared = Prepared(images, np.arange(40), "")
    spans, draw = Spans(2, 9, 3, 0), picker(40, "replacement")
    host, device = HostImages(prepared, draw), DeviceCache.load(prepared, torch.device("cpu"))
    for span in spans:
        one, two = host[span], device.take(draw(span))
        assert same(one, two)
        assert one.labels is not None
        np.testing.assert_array_equal(one.images.numpy(), images[one.labels.numpy()])


def test_a_cache_is_on_the_device_that_was_asked_for() -> None:
    prepared = Prepared(np.zeros((4, 2, 2, 1), np.uint8), np.arange(4), "")
    cache = DeviceCache.load(prepared, torch.device("meta"))
    assert cache.labels is not None
    assert {cache.images.device.type, cache.labels.device.type} == {"meta"}


def test_workers_take_no_signal_that_stops_a_run() -> None:
    before = {number: signal.getsignal(number) for number in STOPPING}
    try:
        leave_signals_to_the_trainer(0)
        assert {signal.getsignal(number) for number in STOPPING} == {signal.SIG_IGN}
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
