"""What each normalization of a weight promises, for every kind of layer, in float64."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import (
    Normalization,
    SpectralNorm,
    Upkeep,
    bsn,
    bssn,
    frobenius,
    none,
    normalize_,
    power_iterate_,
    refresh_,
    sn,
    sn_conv,
    spectral_pairs,
    ssn,
    wn,
)
from gan_lightning.normalization.shared import shared_weights
from tests.normalization.made import used

LAYERS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "conv3": (lambda: nn.Conv2d(3, 5, 3, padding=1), (3, 6, 6)),
    "conv4 stride 2": (lambda: nn.Conv2d(4, 3, 4, stride=2, padding=1), (4, 6, 6)),
    "conv1": (lambda: nn.Conv2d(4, 6, 1), (4, 3, 3)),
    "conv of one channel": (lambda: nn.Conv2d(1, 4, 3, padding=1), (1, 5, 5)),
    "conv grouped": (lambda: nn.Conv2d(4, 6, 3, groups=2), (4, 5, 5)),
    "deconv4 stride 2": (lambda: nn.ConvTranspose2d(5, 3, 4, stride=2, padding=1), (5, 3, 3)),
    "deconv5 odd": (
        lambda: nn.ConvTranspose2d(3, 4, 5, stride=2, padding=2, output_padding=1),
        (3, 3, 3),
    ),
    "deconv grouped": (lambda: nn.ConvTranspose2d(4, 6, 3, groups=2), (4, 3, 3)),
    "linear": (lambda: nn.Linear(7, 4), (7,)),
}
SPECTRAL: list[Normalization] = [sn(), ssn(1.7), bsn(), bssn(0.6), sn_conv(), sn_conv(1.75)]
NORMS: list[Normalization] = [*SPECTRAL, wn(), frobenius()]


def ids(norm: Normalization) -> str:
    return "-".join(map(str, [type(norm).__name__, *vars(norm).values()]))


def make(layer: str, norm: Normalization) -> nn.Module:
    torch.manual_seed(0)
    build, shape = LAYERS[layer]
    plain = build().double()
    with torch.no_grad():
        next(plain.parameters()).abs_()  # one large singular value: quick convergence
    return normalize_(plain, norm, torch.zeros(1, *shape))


def largest(matrix: Tensor) -> float:
    return float(torch.linalg.svdvals(matrix)[0])


def operator_matrix(layer: nn.Module, input_shape: tuple[int, ...]) -> Tensor:
    """The whole layer without bias, applied to every unit vector."""
    size = int(torch.tensor(input_shape).prod())
    basis = torch.eye(size, dtype=torch.float64).reshape(size, *input_shape)
    with torch.no_grad():
        images: Tensor = layer(basis)
        zero: Tensor = layer(torch.zeros_like(basis[:1]))
        return (images - zero).flatten(1).t()


def expected_norm(layer: nn.Module, norm: Normalization, input_shape: tuple[int, ...]) -> float:
    """What shall be `scale`, by explicit matrices and singular value decompositions."""
    weight = layer.weight
    assert isinstance(weight, Tensor)
    weight = weight.detach()
    if weight.ndim == 2:
        return largest(weight)
    if isinstance(norm, sn_conv):
        return largest(operator_matrix(layer, input_shape))
    first = largest(weight.reshape(weight.shape[0], -1))
    second = largest(weight.transpose(0, 1).reshape(weight.shape[1], -1))
    if isinstance(norm, bssn):
        return (first + second) / 2
    return second if isinstance(layer, nn.ConvTranspose2d) else first


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("norm", SPECTRAL, ids=ids)
def test_converges_drifts_after_a_step_and_recovers(layer: str, norm: Normalization) -> None:
    module, shape = make(layer, norm), LAYERS[layer][1]
    scale = getattr(norm, "scale", 1.0)

    def distance() -> float:
        return abs(expected_norm(module, norm, shape) - scale)

    for _ in range(200):
        power_iterate_(module)
    assert distance() < 1e-9
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-3)
    for _ in range(3):
        x = torch.randn(4, *shape, dtype=torch.float64)
        module(x).square().sum().backward()
        optimizer.step()
        optimizer.zero_grad()
        power_iterate_(module)
    assert distance() > 1e-9  # one iteration a step is an estimate...
    for _ in range(200):
        power_iterate_(module)
    assert distance() < 1e-9  # ...that recovers


@pytest.mark.parametrize("layer", LAYERS)
@pytest.mark.parametrize("norm", NORMS, ids=ids)
def test_backward_is_that_of_the_definition(layer: str, norm: Normalization) -> None:
    """SNGAN Eq. 12, against autograd through scale * W / (u^T W v) or W / ||W||."""
    module = make(layer, norm)
    power_iterate_(module)
    ((parametrization, weight),) = shared_weights(module)
    direction = torch.randn_like(weight)
    shared, defined = parametrization(weight), parametrization.definition(weight)
    torch.testing.assert_close(shared, defined, rtol=0, atol=1e-14)
    (fast,) = torch.autograd.grad((shared * direction).sum(), weight)
    (slow,) = torch.autograd.grad((defined * direction).sum(), weight)
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-13)


def matrix_of(layer: nn.Module) -> list[Tensor]:
    """What makes each output: all weights that a unit vector behind the layer draws on."""
    weight = used(layer).detach()
    if not isinstance(layer, nn.ConvTranspose2d):
        return list(weight)
    of_group, per = layer.in_channels // layer.groups, layer.out_channels // layer.groups
    return [
        weight[(o // per) * of_group : (o // per + 1) * of_group, o % per]
        for o in range(layer.out_channels)
    ]


@pytest.mark.parametrize("layer", LAYERS)
def test_parts_have_length_one_after_steps(layer: str) -> None:
    """Every output's weights under wn, all together under frobenius (SNGAN Eq. 25 and 26)."""
    for norm in (wn(), frobenius()):
        module, shape = make(layer, norm), LAYERS[layer][1]
        upkeep = Upkeep(module)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        ((_, weight),) = shared_weights(module)
        for _ in range(4):
            parts = matrix_of(module) if isinstance(norm, wn) else [used(module).detach()]
            lengths = torch.stack([part.square().sum().sqrt() for part in parts])
            torch.testing.assert_close(lengths, torch.ones_like(lengths), rtol=0, atol=1e-14)
            before = weight.detach().clone()
            module(torch.randn(4, *shape, dtype=torch.float64)).square().sum().backward()
            optimizer.step()
            optimizer.zero_grad()
            upkeep.renew_()
            assert not torch.equal(weight, before)


@pytest.mark.parametrize("norm", NORMS, ids=ids)
def test_passes_of_one_version_share_one_tensor(norm: Normalization) -> None:
    """That of the definition; and not that of an older version."""
    module = make("conv3", norm)
    upkeep = Upkeep(module)
    ((shared, weight),) = shared_weights(module)
    for _ in range(3):
        assert used(module).data_ptr() == used(module).data_ptr() == shared.normalized.data_ptr()
        torch.testing.assert_close(used(module), shared.definition(weight), rtol=0, atol=1e-14)
        with torch.no_grad():
            weight += torch.randn_like(weight)
        assert used(module).data_ptr() != shared.normalized.data_ptr()
        upkeep.renew_()


@pytest.mark.parametrize("norm", [wn(), frobenius()], ids=ids)
def test_what_is_not_estimated_has_no_state(norm: Normalization) -> None:
    plain = CNNDiscriminator((3, 8, 8), width=4)
    count = len(plain.state_dict())
    assert len(normalize_(plain, norm, torch.zeros(1, 3, 8, 8)).state_dict()) == count


@pytest.mark.parametrize("norm", NORMS, ids=ids)
def test_passes_and_evaluation_move_nothing(norm: Normalization) -> None:
    network = normalize_(CNNDiscriminator((3, 8, 8), width=4), norm, torch.zeros(1, 3, 8, 8))
    before = copy.deepcopy(network.state_dict())
    x = torch.randn(2, 3, 8, 8)
    for training in (True, False):
        network.train(training)
        network(x).sum().backward()
        refresh_(network)
    for key, value in network.state_dict().items():
        assert torch.equal(value, before[key]), key


def test_iterating_moves_u_and_v() -> None:
    network = normalize_(CNNDiscriminator((3, 8, 8), width=4), bssn(), torch.zeros(1, 3, 8, 8))
    with torch.no_grad():
        for _, weight in spectral_pairs(network):
            weight += 0.02 * torch.randn_like(weight)
    before = copy.deepcopy(network.state_dict())
    power_iterate_(network)
    moved = [key for key, value in network.state_dict().items() if not value.equal(before[key])]
    vectors = [key for key in before if key[-2:] in ("u0", "v0", "u1", "v1")]
    one_row = {key for key in vectors if before[key].numel() == 1}
    assert set(moved) == set(vectors) - one_row


@pytest.mark.parametrize("family", [ssn, bssn, sn_conv])
def test_scale_multiplies_every_layer_exactly(family: type[ssn]) -> None:
    """The last linear layer included; by a power of two to the last bit."""
    weights = []
    for scale in (1.0, 2.0):
        torch.manual_seed(0)
        network = normalize_(
            CNNDiscriminator((3, 8, 8), width=4), family(scale), torch.zeros(1, 3, 8, 8)
        )
        weights.append([p(w) for p, w in spectral_pairs(network)])
    assert len(weights[0]) == 8
    for one, two in zip(*weights, strict=True):
        assert torch.equal(2 * one, two)


def test_sn_agrees_with_torch_on_the_same_vectors() -> None:
    for build, shape in LAYERS.values():
        torch.manual_seed(0)
        plain = build().double()
        stock = torch.nn.utils.parametrizations.spectral_norm(copy.deepcopy(plain)).eval()
        module = normalize_(plain, sn(), torch.zeros(1, *shape))
        ((mine, weight),) = spectral_pairs(module)
        theirs: Any = stock.get_submodule("parametrizations.weight.0")
        u, v = theirs._u, theirs._v
        if weight.ndim == 4:  # their columns are (channel, k_h, k_w), ours (k_h, k_w, channel)
            transposed = isinstance(module, nn.ConvTranspose2d)
            kernel, channels = weight.shape[2:], weight.shape[0 if transposed else 1]
            v = v.reshape(channels, *kernel)
            v = (v if transposed else v.permute(1, 2, 0)).flatten()
        mine.u0.copy_(u)  # type: ignore[operator]  # a buffer
        mine.v0.copy_(v)  # type: ignore[operator]
        torch.testing.assert_close(mine.definition(weight), stock.weight, rtol=1e-12, atol=1e-13)


def test_weights_changed_by_others_are_noticed() -> None:
    module = make("conv3", bsn())
    ((parametrization, weight),) = spectral_pairs(module)
    with torch.no_grad():
        weight *= 3  # a scaled weight is normalized to the same
    torch.testing.assert_close(module.weight, parametrization.normalized)
    with torch.no_grad():
        weight += torch.randn_like(weight)
    assert not module.weight.allclose(parametrization.normalized)  # type: ignore[operator]
    torch.testing.assert_close(module.weight, parametrization.definition(weight))


@pytest.mark.parametrize("norm", [bssn(1.2), wn(), frobenius()], ids=ids)
def test_copies_casts_and_checkpoints_keep_the_normalized_weight(norm: Normalization) -> None:
    network = normalize_(CNNDiscriminator((3, 8, 8), width=4), norm, torch.zeros(1, 3, 8, 8))
    power_iterate_(network)
    x = torch.randn(2, 3, 8, 8)
    expected = network(x)
    torch.testing.assert_close(copy.deepcopy(network)(x), expected)
    torch.testing.assert_close(
        copy.deepcopy(network).double()(x.double()), expected.double(), rtol=1e-5, atol=1e-6
    )
    other = normalize_(CNNDiscriminator((3, 8, 8), width=4), norm, torch.zeros(1, 3, 8, 8))
    assert not torch.allclose(other(x), expected)
    other.load_state_dict(network.state_dict())
    torch.testing.assert_close(other(x), expected)
    refresh_(other)
    assert torch.equal(other(x), expected)  # to the last bit: what exact resume stands on


def test_autocast_leaves_the_estimates_in_full_precision() -> None:
    networks = []
    for enabled in (False, True):
        torch.manual_seed(0)
        network = normalize_(
            CNNDiscriminator((3, 8, 8), width=4), bssn(1.2), torch.zeros(1, 3, 8, 8)
        )
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            power_iterate_(network)
        networks.append(network)
    for one, two in zip(*(n.state_dict().values() for n in networks), strict=True):
        assert torch.equal(one, two)


def test_none_leaves_the_layer() -> None:
    layer = nn.Linear(3, 2)
    assert normalize_(layer, none(), torch.zeros(1, 3)) is layer
    assert not hasattr(layer, "parametrizations")


def test_any_callable_serves_and_its_layers_are_replaced() -> None:
    network = normalize_(
        CNNDiscriminator((3, 8, 8), width=4),
        lambda layer: nn.Sequential(layer, nn.Identity()),
        torch.zeros(1, 3, 8, 8),
    )
    replaced = [layer for layer in network.modules() if isinstance(layer, nn.Identity)]
    assert len(replaced) == 8
    assert network(torch.zeros(2, 3, 8, 8)).shape == (2, 1)


def test_every_layer_of_the_discriminator_is_normalized() -> None:
    network = normalize_(CNNDiscriminator((3, 8, 8), width=4), sn(), torch.zeros(1, 3, 8, 8))
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    norms = [m for m in network.modules() if isinstance(m, SpectralNorm)]
    assert len(layers) == len(norms) == 8


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_scale_is_refused(scale: float) -> None:
    with pytest.raises(UserError, match=r"^scale must be"):
        bssn(scale)


def test_strict_norm_of_other_padding_is_refused() -> None:
    layer = nn.Conv2d(2, 2, 3, padding=1, padding_mode="circular")
    with pytest.raises(UserError, match="circular"):
        normalize_(layer, sn_conv(), torch.zeros(1, 2, 4, 4))
