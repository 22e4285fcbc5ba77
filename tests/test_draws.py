"""What is random in an iteration: a function of (seed, iteration, rank), never drawn twice."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from torch import Tensor

from gan_lightning.draws import Draw, Drawing, Own
from gan_lightning.networks import (
    CNNGenerator,
    ConditionalCNNGenerator,
    DecoderGenerator,
    MNISTGenerator,
)
from gan_lightning.streams import stream

SHAPE = (1, 8, 8)
LATENT, N, CLASSES = 5, 4, 7
PLAIN = Drawing(CNNGenerator(SHAPE, LATENT, width=1), 2, seed=0, rank=0)
CONDITIONAL = ConditionalCNNGenerator(SHAPE, CLASSES, LATENT, width=1)
RICH = Drawing(CONDITIONAL, 2, 0, 0, mixed=True, own=6, numbers=3)


def drawn(drawing: Drawing, iteration: int) -> Draw:
    images = torch.arange(2 * N * 64, dtype=torch.float32).reshape(2 * N, *SHAPE)
    return drawing.draws(iteration, images, torch.arange(2 * N) % CLASSES)


def test_latents_are_those_of_their_stream() -> None:
    rng = stream(3, "latents", 11, 2)
    expected = torch.from_numpy(rng.standard_normal((2 * N, LATENT), dtype=np.float32))
    latents = drawn(replace(PLAIN, seed=3, rank=2), 11).latents
    assert torch.equal(latents, expected.reshape(2, N, LATENT))


def test_everything_drawn_is_of_its_stream() -> None:
    """Another name would draw as well, but a run could not be repeated by another version."""
    drawing = replace(RICH, seed=3, rank=2)
    draws = drawn(drawing, 11)
    own = drawing.own_draw(11, draws.images)
    assert own is not None
    mix = stream(3, "mix", 11, 2).random(2 * N)
    assert torch.equal(draws.mix, torch.from_numpy(mix).float().reshape(2, N))
    labels = stream(3, "labels", 11, 2).integers(0, CLASSES, 2 * N)
    assert torch.equal(draws.fake_labels[0], torch.from_numpy(labels).reshape(2, N))
    latents = stream(3, "generator latents", 11, 2).standard_normal((6, LATENT), dtype=np.float32)
    assert torch.equal(own.latents, torch.from_numpy(latents))
    labels = stream(3, "generator labels", 11, 2).integers(0, CLASSES, 6)
    assert torch.equal(own.labels[0], torch.from_numpy(labels))
    views = {"views": draws.views, "fake views": draws.fake_views, "generator views": own.views}
    for name, (view,) in views.items():
        numbers = stream(3, name, 11, 2).random((view.numel() // 3, 3), dtype=np.float32)
        assert torch.equal(view.reshape(-1, 3), torch.from_numpy(numbers))
    assert draws.views[0].shape == draws.fake_views[0].shape == (2, N, 3)
    assert own.views[0].shape == (6, 3)


def test_images_of_the_real_ones_classes() -> None:
    """In the discriminator's updates; a generator batch of its own size has its own."""
    draws = drawn(replace(RICH, same_labels=True), 5)
    assert torch.equal(draws.fake_labels[0], draws.labels[0])
    own, plain = (d.own_draw(5, draws.images) for d in (replace(RICH, same_labels=True), RICH))
    assert own is not None
    assert plain is not None
    assert torch.equal(own.labels[0], plain.labels[0])
    assert not torch.equal(drawn(RICH, 5).fake_labels[0], draws.labels[0])
    assert drawn(replace(PLAIN, same_labels=True), 5).fake_labels == ()


def everything(drawing: Drawing, iteration: int) -> list[Tensor]:
    """Each random tensor of an iteration, one update at a time."""
    draws = drawn(drawing, iteration)
    own = drawing.own_draw(iteration, draws.images)
    assert own is not None
    each = [t for draw in draws.each() for t in (draw.latents, draw.mix, *draw.fake_labels)]
    views = [t for draw in draws.each() for t in (*draw.views, *draw.fake_views)]
    return [*each, *own.tensors(), *views]


def test_no_two_updates_iterations_ranks_or_seeds_draw_the_same() -> None:
    places = [(seed, t, rank) for seed in (0, 1) for t in (0, 1, 2) for rank in (0, 1)]
    everywhere = [everything(replace(RICH, seed=s, rank=r), t) for s, t, r in places]
    again = [everything(replace(RICH, seed=s, rank=r), t) for s, t, r in places]
    latents = []
    for first, second in zip(everywhere, again, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        latents += [row for t in first if t.ndim == 2 for row in t]
    for one, two in combinations(latents, 2):
        assert not torch.equal(one, two)
    for kind in (1, 2, 4, 5, 7):  # the mixes of two updates, and all labels
        values = [tuple(tensors[kind].tolist()) for tensors in everywhere]
        assert len(set(values)) == len(values)


def test_purposes_have_streams_of_their_own() -> None:
    """Neither the batch's, nor each other's: equal numbers would tie what must be independent."""
    names = ["latents", "generator latents", "labels", "generator labels", "mix"]
    names += ["views", "fake views", "generator views", "members"]
    names += ["batch", "flips", "epoch", "sample", "evaluation"]
    first = [tuple(stream(0, name, 5, 1).random(3)) for name in names]
    assert len(set(first)) == len(names)


def test_distributions() -> None:
    many = Drawing(ConditionalCNNGenerator(SHAPE, CLASSES, 50, width=1), 1, 0, 0, mixed=True)
    draws = many.draws(0, torch.zeros(2000, *SHAPE), None)
    z = draws.latents.double()
    assert z.mean().abs() < 0.01
    assert (z.var() - 1).abs() < 0.02
    assert (z.pow(4).mean() - 3).abs() < 0.1  # of a Gaussian
    assert 0 <= draws.mix.min() < 0.01
    assert 0.99 < draws.mix.max() < 1
    assert (draws.mix.double().var() - 1 / 12).abs() < 0.01
    counts = torch.bincount(draws.fake_labels[0].flatten(), minlength=CLASSES)
    assert (counts - 2000 / CLASSES).abs().max() < 80
    uniform = MNISTGenerator((1, 28, 28)).latents(500, stream(0, "latents", 0)).double()
    assert -1 <= uniform.min() < -0.999
    assert 0.999 < uniform.max() <= 1
    assert (uniform.var() - 1 / 3).abs() < 0.01


@pytest.mark.parametrize("kind", [MNISTGenerator, DecoderGenerator])
def test_latents_are_single_precision(
    kind: type[MNISTGenerator] | type[DecoderGenerator],
) -> None:
    """Twice the precision would be another stream, and no network's own type."""
    latents = kind((1, 28, 28)).latents(3, stream(0, "latents", 0))
    assert latents.dtype == torch.float32


def test_real_images_keep_their_labels_and_their_order() -> None:
    draws = drawn(RICH, 0)
    assert draws.images.shape == (2, N, *SHAPE)
    assert torch.equal(draws.images.flatten(), torch.arange(2 * N * 64, dtype=torch.float32))
    assert draws.labels[0].tolist() == [[0, 1, 2, 3], [4, 5, 6, 0]]
    second = draws.each()[1]
    assert torch.equal(second.images, draws.images[1])
    assert torch.equal(second.fake_labels[0], draws.fake_labels[0][1])


def test_nothing_is_drawn_that_nobody_looks_at() -> None:
    draws = drawn(PLAIN, 0)
    assert draws.mix.shape == (2, 0)
    assert draws.labels == draws.fake_labels == draws.views == draws.fake_views == ()
    assert PLAIN.own_draw(0, draws.images) is None
    assert [len(draw.mix) for draw in draws.each()] == [0, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_drawn_has_the_type_of_the_images(dtype: torch.dtype) -> None:
    draws = RICH.draws(0, torch.zeros(2 * N, *SHAPE, dtype=dtype), torch.zeros(2 * N).long())
    own = RICH.own_draw(0, draws.images)
    assert own is not None
    assert draws.latents.dtype == draws.mix.dtype == own.latents.dtype == dtype
    assert own.latents.shape == (6, LATENT)
    assert own.labels[0].shape == (6,)
    assert draws.views[0].dtype == own.views[0].dtype == torch.float32  # see DiffAugment


def test_the_tensors_of_a_draw_are_all_of_them_once() -> None:
    seven = [torch.full((1,), float(k)) for k in range(7)]
    images, latents, mix, *others = seven
    found = Draw(images, latents, mix, *((tensor,) for tensor in others)).tensors()
    assert [int(tensor) for tensor in found] == [*range(7)]
    assert Draw(images, latents, mix).tensors() == (images, latents, mix)


def test_a_change_of_a_draw_reaches_every_tensor_of_it() -> None:
    own = RICH.own_draw(11, drawn(RICH, 11).images)
    assert own is not None
    for draw in (drawn(RICH, 11), own):
        changed = draw.map(lambda tensor: tensor + 1)
        assert type(changed) is type(draw)
        pairs = list(zip(changed.tensors(), draw.tensors(), strict=True))
        assert all(torch.equal(after, before + 1) for after, before in pairs)
    assert Own(torch.zeros(2)).map(lambda tensor: tensor + 1).tensors()[0].tolist() == [1, 1]


def test_all_that_is_drawn_is_on_the_device_of_the_images() -> None:
    images = torch.zeros(2 * N, *SHAPE, device="meta")
    own = RICH.own_draw(0, images)
    assert own is not None
    draws = RICH.draws(0, images, torch.zeros(2 * N, dtype=torch.int64, device="meta"))
    assert len(draws.tensors()) == 7
    assert {t.device.type for t in (*draws.tensors(), *own.tensors())} == {"meta"}
