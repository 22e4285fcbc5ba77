"""Batch and layer normalization of what layers make."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.callbacks.ema import averaged
from gan_lightning.errors import UserError
from gan_lightning.images import with_weights
from gan_lightning.networks import CNNDiscriminator, DecoderGenerator
from gan_lightning.normalization import Normalization, bn, frobenius, ln, normalize_, wn
from gan_lightning.normalization.output_norms import Followed
from gan_lightning.players import couples_images, declares_coupling
from tests.normalization.made import SHAPE, discriminator, ids

LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "conv": (nn.Conv2d(3, 4, 3, padding=1), (3, 5, 5)),
    "deconv": (nn.ConvTranspose2d(3, 4, 4, stride=2, padding=1), (3, 5, 5)),
    "conv1d": (nn.Conv1d(3, 4, 3), (3, 7)),
    "conv3d": (nn.Conv3d(2, 3, 2), (2, 3, 3, 3)),
    "linear": (nn.Linear(6, 5), (6,)),
}


def hidden(name: str, norm: Normalization) -> tuple[nn.Module, nn.Module, Tensor]:
    """A layer before and after, where another one follows it, and some images for it."""
    torch.manual_seed(0)
    plain, shape = copy.deepcopy(LAYERS[name])
    network = nn.Sequential(copy.deepcopy(plain), nn.Flatten(), nn.LazyLinear(1))
    network(torch.zeros(1, *shape))
    normalize_(network.double(), norm, torch.zeros(1, *shape))
    assert isinstance(network[2], nn.Linear)  # the output layer is left alone
    return plain.double(), network[0], 3 * torch.randn(6, *shape, dtype=torch.float64) + 1


@pytest.mark.parametrize("name", LAYERS)
def test_batch_normalization_is_over_batch_and_image(name: str) -> None:
    plain, layer, x = hidden(name, bn())
    y = plain(x)
    axes = (0, *range(2, y.ndim))
    mean, variance = y.mean(axes, keepdim=True), y.var(axes, keepdim=True, correction=0)
    torch.testing.assert_close(layer(x), (y - mean) / (variance + 1e-5).sqrt())
    state = layer.state_dict()  # r <- 0.9 r + 0.1 s, from 0 and 1, with the unbiased variance
    torch.testing.assert_close(state["norm.running_mean"], 0.1 * mean.flatten())
    unbiased = y.var(axes, correction=1)
    torch.testing.assert_close(state["norm.running_var"], 0.9 + 0.1 * unbiased)
    expected = (y - 0.1 * mean) / (0.9 + 0.1 * unbiased.reshape(mean.shape) + 1e-5).sqrt()
    torch.testing.assert_close(layer.eval()(x), expected)


@pytest.mark.parametrize("name", LAYERS)
def test_layer_normalization_is_over_all_of_an_image(name: str) -> None:
    plain, layer, x = hidden(name, ln())
    y = plain(x)
    axes = tuple(range(1, y.ndim))
    mean, variance = y.mean(axes, keepdim=True), y.var(axes, keepdim=True, correction=0)
    for training in (True, False):
        expected = (y - mean) / (variance + 1e-5).sqrt()
        torch.testing.assert_close(layer.train(training)(x), expected)


@pytest.mark.parametrize("norm", [bn(), ln()], ids=ids)
def test_before_the_activation_in_hidden_layers_alone(norm: Normalization) -> None:
    """No parameter comes or goes; the parts of the network are where they were."""
    plain, network = CNNDiscriminator(SHAPE, width=4), discriminator(norm=norm)
    features = list(network.get_submodule("features").children())
    followed = [k for k, layer in enumerate(features) if isinstance(layer, Followed)]
    assert followed == [0, 2, 4, 6, 8, 10, 12]
    assert all(isinstance(features[k + 1], nn.LeakyReLU) for k in followed)
    assert type(network.linear) is nn.Linear
    sizes = [[p.shape for p in n.parameters()] for n in (plain, network)]
    assert sizes[0] == sizes[1]


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("norm", [bn(), ln()], ids=ids)
def test_there_is_neither_gain_nor_offset(norm: Normalization, name: str) -> None:
    plain, layer, _ = hidden(name, norm)
    assert [p.shape for p in layer.parameters()] == [p.shape for p in plain.parameters()]


@pytest.mark.parametrize("name", LAYERS)
def test_statistics_are_where_the_layer_is_and_as_precise(name: str) -> None:
    layer, shape = copy.deepcopy(LAYERS[name])
    layer.to("meta", torch.float64)
    layer.is_output, layer.input_shapes = False, (shape,)  # type: ignore[assignment]  # the probe's
    buffers = [b for b in bn()(layer).buffers() if b.is_floating_point()]
    assert [(b.device.type, b.dtype) for b in buffers] == [("meta", torch.float64)] * 2


@pytest.mark.parametrize("norm", [bn(), ln()], ids=ids)
def test_an_embedding_is_left_alone(norm: Normalization) -> None:
    """Also one that other layers follow."""
    network = nn.Sequential(nn.Embedding(5, 4), nn.Linear(4, 3), nn.Linear(3, 1))
    normalize_(network, norm, torch.zeros(1, dtype=torch.int64))
    assert [type(layer) for layer in network] == [nn.Embedding, Followed, nn.Linear]


def test_who_couples_images() -> None:
    images = torch.rand(6, *SHAPE)
    assert declares_coupling(discriminator(norm=bn()))
    assert couples_images(discriminator(norm=bn()), images)
    for norm in (ln(), wn(), frobenius()):
        assert not declares_coupling(discriminator(norm=norm))
        assert not couples_images(discriminator(norm=norm), images)


@pytest.mark.parametrize("norm", [bn(), ln()], ids=ids)
def test_copies_and_state(norm: Normalization) -> None:
    network, x = discriminator(norm=norm), torch.randn(4, *SHAPE)
    for _ in range(3):
        network(x)
    network.eval()
    expected = network(x)
    assert torch.equal(copy.deepcopy(network)(x), expected)
    other = discriminator(seed=1, norm=norm).eval()
    assert not torch.allclose(other(x), expected)
    other.load_state_dict(network.state_dict())
    assert torch.equal(other(x), expected)


@pytest.mark.parametrize("norm", [bn(), ln(), wn(), frobenius()], ids=ids)
def test_an_average_of_a_generator_takes_its_statistics_along(norm: Normalization) -> None:
    torch.manual_seed(0)
    generators = []
    for _ in range(2):
        generator = DecoderGenerator((1, 16, 16), latent_dim=4, width=2)
        normalize_(generator, norm, torch.zeros(1, 4))
        generator(torch.randn(5, 4))
        generators.append(generator.eval())
    one, two = generators
    z = torch.randn(3, 4)
    assert not torch.allclose(one(z), two(z))
    torch.testing.assert_close(with_weights(one, averaged(two))(z), two(z))


def test_gradients_of_the_slope_pass_through_layer_normalization() -> None:
    """As a gradient penalty asks of it, against a closed form: no finite difference is off."""
    network = discriminator(norm=ln()).double()
    x = torch.randn(3, *SHAPE, dtype=torch.float64, requires_grad=True)

    def slopes(x: Tensor) -> Tensor:
        (gradient,) = torch.autograd.grad(network(x).sum(), x, create_graph=True)
        return gradient.square().sum()

    direction = torch.randn_like(x)
    (gradient,) = torch.autograd.grad(slopes(x), x)
    step = 1e-5
    difference = (slopes(x + step * direction) - slopes(x - step * direction)) / (2 * step)
    torch.testing.assert_close((gradient * direction).sum(), difference, rtol=1e-5, atol=1e-12)


def test_batch_normalization_of_tokens_is_refused() -> None:
    network = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 1))
    with pytest.raises(UserError) as caught:
        normalize_(network, bn(), torch.zeros(1, 7, 4))
    assert str(caught.value) == (
        "norm bn takes linear layers whose input is (images, features), but one is used on inputs "
        "of shape (7, 4) for each image; use ln instead"
    )
    normalize_(network, ln(), torch.zeros(1, 7, 4))
    assert isinstance(network[0], Followed)
