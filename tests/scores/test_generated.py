"""A generator as a source: a function of weights, seed and index."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from gan_lightning.images import generate, to_uint8
from gan_lightning.networks import CNNGenerator, ConditionalCNNGenerator
from gan_lightning.normalization import normalize_, sn, spectral_pairs
from gan_lightning.scores.generated import GeneratedImages
from gan_lightning.streams import stream
from tests.scores.processes import TinyGenerator
from tests.scores.small import SHAPE


def test_generating_leaves_the_generator_and_the_random_state_alone() -> None:
    generator = TinyGenerator(1).train()
    generator.norm.momentum = None
    state = {name: tensor.clone() for name, tensor in generator.state_dict().items()}
    before = torch.random.get_rng_state()
    source = GeneratedImages(generator, 64, 3)
    first = source.block(0, 64)[0]
    assert torch.equal(first, source.block(0, 64)[0])
    assert generator.training
    assert generator.norm.training
    assert all(torch.equal(state[k], v) for k, v in generator.state_dict().items())
    assert torch.equal(before, torch.random.get_rng_state())


def test_other_weights_are_used_only_while_generating() -> None:
    generator = TinyGenerator(0)
    own = GeneratedImages(generator, 8, 3).block(0, 8)[0]
    source = GeneratedImages(generator, 8, 3, {"matrix": -generator.matrix.detach()})
    assert torch.equal(source.block(0, 8)[0], 255 - own)
    assert torch.equal(GeneratedImages(generator, 8, 3).block(0, 8)[0], own)


def test_an_image_is_a_function_of_seed_and_index_alone() -> None:
    """In whatever company it is made, and however many there are."""
    source = GeneratedImages(TinyGenerator(0), 20, seed=3)
    whole = source.block(0, 20)[0]
    parts = [source.block(start, stop)[0] for start, stop in ((0, 1), (1, 8), (8, 20))]
    assert torch.equal(torch.cat(parts), whole)
    assert torch.equal(GeneratedImages(TinyGenerator(0), 9, seed=3).block(5, 9)[0], whole[5:9])
    assert not torch.equal(GeneratedImages(TinyGenerator(0), 20, seed=4).block(0, 20)[0], whole)
    assert len(whole.flatten(1).unique(dim=0)) == 20


def test_it_says_its_length_shape_and_type() -> None:
    source = GeneratedImages(TinyGenerator(0), 20, seed=3)
    assert (len(source), source.image_shape, source.labels) == (20, SHAPE, None)
    images, invalid = source.block(3, 8)
    assert (images.dtype, images.shape) == (torch.uint8, (5, *SHAPE))
    assert (invalid.dtype, invalid.tolist()) == (torch.int64, [0, 0])


def test_training_and_samples_come_from_other_streams() -> None:
    generator = TinyGenerator(0)
    scored = GeneratedImages(generator, 4, seed=3).block(0, 4)[0]
    sampled = to_uint8(generate(generator, range(4), 3, "sample"), generator.value_range)[0]
    assert not torch.equal(scored, sampled)


@pytest.mark.parametrize("count", [1, 7, 9, 10])
def test_all_classes_come_equally_often_and_each_image_is_of_its_own(count: int) -> None:
    torch.manual_seed(0)
    generator = ConditionalCNNGenerator(SHAPE, 3, latent_dim=2, width=1)
    with torch.no_grad():
        for parameter in generator.parameters():
            parameter.normal_()
    source = GeneratedImages(generator, count, seed=1)
    assert source.labels is not None
    rounds = [stream(1, "classes", r).permutation(3) for r in range(4)]
    assert source.labels.tolist() == np.concatenate(rounds)[:count].tolist()
    assert source.labels.shape == (count,)
    often = np.bincount(source.labels, minlength=3)
    assert often.max() - often.min() <= 1
    start = count // 2
    labels = (torch.from_numpy(source.labels[start:]),)
    own = generate(generator, range(start, count), 1, "evaluation", labels)
    expected = to_uint8(own, generator.value_range)[0]
    assert torch.equal(source.block(start, count)[0], expected)


class Beyond(TinyGenerator):
    """The first image holds NaN, the second one reaches beyond white; the rest are grey."""

    def forward(self, z: Tensor) -> Tensor:
        images = torch.zeros(len(z), *SHAPE)
        images[0, 0, 0, 0], images[1, 0, 0, 0] = torch.nan, 1.5
        return images


def test_what_is_no_image_is_counted() -> None:
    images, invalid = GeneratedImages(Beyond(0), 5, seed=0).block(0, 5)
    assert invalid.tolist() == [1, 1]
    assert (images[2:] == 128).all()


class Unsigned(TinyGenerator):
    """Of pixels from 0 to 1."""

    value_range = (0.0, 1.0)

    def forward(self, z: Tensor) -> Tensor:
        return torch.full((len(z), *SHAPE), 0.2)


def test_pixels_are_read_in_the_generators_own_range() -> None:
    images, invalid = GeneratedImages(Unsigned(0), 2, seed=0).block(0, 2)
    assert images.unique().tolist() == [51]
    assert not invalid.any()


def test_an_average_gets_singular_vectors_of_its_own() -> None:
    """So that its layers are normalized, and those of the generator stay what they are."""
    torch.manual_seed(0)
    generator = CNNGenerator(SHAPE, latent_dim=4, width=2)
    normalize_(generator, sn(), torch.zeros(1, 4))
    before = copy.deepcopy(generator.state_dict())
    names = [n for n, p in generator.named_parameters() if p.ndim > 1]
    weights = {name: torch.randn_like(before[name]) for name in names}
    source = GeneratedImages(generator, 4, 0, weights)
    for spectral, weight in spectral_pairs(source.generator):
        norm = torch.linalg.matrix_norm(spectral(weight).flatten(1), 2)
        assert 0.5 < float(norm) < 1.5
        assert float(spectral.sigma(weight)) > 1
    assert all(torch.equal(v, before[k]) for k, v in generator.state_dict().items())
    assert source.generator is not generator
    assert not any(p.requires_grad for p in source.generator.parameters())


def test_without_other_weights_nothing_is_copied() -> None:
    generator = TinyGenerator(0)
    assert GeneratedImages(generator, 4, 0).generator is generator
    assert GeneratedImages(generator, 4, 0, {}).generator is generator


def test_buffers_are_weights_too() -> None:
    """Running statistics, as of an average's own."""
    generator = TinyGenerator(0)
    mean = torch.full((64,), 30.0)
    source = GeneratedImages(generator, 4, 0, {"norm.running_mean": mean})
    assert not source.block(0, 4)[0].any()
    assert GeneratedImages(generator, 4, 0).block(0, 4)[0].any()
    assert isinstance(generator.norm, nn.BatchNorm1d)
