"""The largest singular value of each spectrally normalized weight, by explicit decompositions."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.errors import UserError
from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import (
    Normalization,
    SpectralNorm,
    bsn,
    bssn,
    normalize_,
    power_iterate_,
    sn,
    sn_conv,
    spectral_pairs,
    ssn,
)
from gan_lightning.normalization.operators import Operator, Unfolding
from gan_lightning.normalization.spectral import LEAST, SpectralNormalization
from tests.normalization.made import (
    LAYERS,
    SPECTRAL,
    ids,
    largest,
    make,
    named,
    operator_matrix,
    used,
)


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
@pytest.mark.parametrize("norm", SPECTRAL, ids=named)
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
        mine.v0.copy_(v)  # type: ignore[operator]  # a buffer
        torch.testing.assert_close(mine.definition(weight), stock.weight, rtol=1e-12, atol=1e-13)


def test_every_layer_of_the_discriminator_is_normalized() -> None:
    network = normalize_(CNNDiscriminator((3, 8, 8), width=4), sn(), torch.zeros(1, 3, 8, 8))
    layers = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    norms = [m for m in network.modules() if isinstance(m, SpectralNorm)]
    assert len(layers) == len(norms) == 8


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan"), float("inf")])
def test_a_scale_that_is_no_scale_is_refused(scale: float) -> None:
    said = rf"^scale must be a number > 0, from 1e-30 to 1e\+30, got {scale}$"
    with pytest.raises(UserError, match=said):
        bssn(scale)


KINDS: dict[str, tuple[nn.Module, Tensor]] = {
    "Conv1d": (nn.Conv1d(3, 4, 3), torch.zeros(1, 3, 6)),
    "Conv3d": (nn.Conv3d(2, 3, (2, 3, 1)), torch.zeros(1, 2, 4, 5, 3)),
    "ConvTranspose1d": (nn.ConvTranspose1d(3, 4, 3, stride=2), torch.zeros(1, 3, 6)),
    "ConvTranspose3d": (nn.ConvTranspose3d(2, 3, 2), torch.zeros(1, 2, 3, 3, 3)),
    "dilated": (nn.Conv2d(2, 3, 3, dilation=2), torch.zeros(1, 2, 7, 7)),
    "Embedding": (nn.Embedding(5, 4), torch.zeros(1, dtype=torch.int64)),
    "Linear": (nn.Linear(5, 4), torch.zeros(1, 5)),
}


def operator_norm(layer: nn.Module, example: Tensor) -> float:
    shape = example.shape[1:]
    basis = torch.eye(shape.numel(), dtype=torch.float64).reshape(-1, *shape)
    with torch.no_grad():
        columns = layer(basis) - layer(torch.zeros_like(basis))
    return float(torch.linalg.svdvals(columns.flatten(1))[0])


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("norm", [sn(), bsn(), sn_conv()], ids=ids)
def test_every_kind_of_layer_is_normalized(name: str, norm: Normalization) -> None:
    plain, example = copy.deepcopy(KINDS[name])
    plain.double()
    with torch.no_grad():
        next(plain.parameters()).abs_()
    layer = normalize_(plain, norm, example)
    for _ in range(200):
        power_iterate_(layer)
    weight = used(layer).detach()
    out, into = (
        float(torch.linalg.svdvals(weight.transpose(0, axis).flatten(1))[0]) for axis in (0, 1)
    )
    if "Transpose" in name:
        out, into = into, out
    if name in ("Embedding", "Linear"):
        got = float(torch.linalg.svdvals(weight)[0])
    elif isinstance(norm, sn_conv):
        got = operator_norm(layer, example)
    else:
        got = (out + into) / 2 if isinstance(norm, bsn) else out
    assert got == pytest.approx(1, abs=1e-9)


@pytest.mark.parametrize("norm", [bssn, sn_conv])
def test_scales_lie_strictly_between_their_bounds(norm: type[bssn]) -> None:
    for scale in (LEAST, 1 / LEAST, 1.5 / LEAST):
        with pytest.raises(UserError, match=r"^scale must be a number > 0, from 1e-30 to 1e\+30"):
            norm(scale)
    assert (norm(2 * LEAST).scale, norm(0.5 / LEAST).scale) == (2 * LEAST, 0.5 / LEAST)


def test_the_scale_is_1_by_default() -> None:
    assert (ssn().scale, bssn().scale, sn_conv().scale) == (1, 1, 1)
    weight = 3 * torch.eye(4, dtype=torch.float64)
    torch.testing.assert_close(SpectralNorm(weight, [Unfolding(0)])(weight), weight / 3)


def with_the_same_start(norm: Normalization, layer: nn.Module, shape: tuple[int, ...]) -> Tensor:
    torch.manual_seed(0)
    return used(normalize_(copy.deepcopy(layer), norm, torch.zeros(1, *shape))).detach()


@pytest.mark.parametrize(("one", "two"), [(sn(), ssn()), (bsn(), bssn()), (sn(), ssn(1.0))])
def test_the_unscaled_norm_is_the_scaled_one_at_1(one: Normalization, two: Normalization) -> None:
    layer = nn.Conv2d(3, 4, 3)
    made = [with_the_same_start(norm, layer, (3, 6, 6)) for norm in (one, two)]
    assert torch.equal(*made)
    with pytest.raises(TypeError):
        type(one)(scale=2.0)  # type: ignore[call-arg]  # the mistake


@pytest.mark.parametrize("norm", [bssn(1.3), sn_conv(1.3)], ids=named)
def test_a_linear_layer_has_one_matrix_only(norm: Normalization) -> None:
    layer = nn.Linear(4, 3)
    assert torch.equal(*(with_the_same_start(n, layer, (4,)) for n in (norm, ssn(1.3))))


def test_the_three_norms_of_one_kernel_differ() -> None:
    """Whose rows are diag(3, 4) by outputs, and one of length 5 by inputs."""
    layer = nn.Conv2d(1, 2, (1, 2), stride=2, bias=False).double()
    kernel = torch.tensor([[[3.0, 0.0]], [[0.0, 4.0]]])[:, :, None].double()
    layer.weight.data.copy_(kernel)
    slid = nn.Conv2d(1, 2, (1, 2), bias=False).double()
    slid.load_state_dict(layer.state_dict())
    cases: list[tuple[nn.Module, Normalization, float]] = [
        (layer, sn(), 4.0),
        (layer, bsn(), 4.5),
        (layer, sn_conv(), 4.0),  # two pixels, each seen once
        (slid, sn_conv(), 5.0),  # a pixel in the middle is seen by 3 and by 4
    ]
    for plain, norm, expected in cases:
        module = normalize_(copy.deepcopy(plain), norm, torch.zeros(1, 1, 1, 2 + (plain is slid)))
        for _ in range(60):
            power_iterate_(module)
        torch.testing.assert_close(used(module).detach(), kernel / expected)


def test_kernels_move_to_the_memory_in_which_unfoldings_are_views() -> None:
    layers: list[tuple[nn.Module, tuple[int, ...], torch.memory_format]] = [
        (nn.Conv2d(3, 4, 3), (3, 5, 5), torch.channels_last),
        (nn.ConvTranspose2d(3, 4, 3), (3, 5, 5), torch.channels_last),
        (nn.Conv3d(3, 4, 2), (3, 4, 4, 4), torch.channels_last_3d),
    ]
    for layer, shape, memory in layers:
        made = normalize_(layer, ssn(), torch.zeros(1, *shape))
        ((_, weight),) = spectral_pairs(made)
        for kernel in (weight, used(made)):
            assert kernel.is_contiguous(memory_format=memory)
            assert not kernel.is_contiguous()


def test_a_normalized_layer_is_the_layer_itself_and_its_first_pass_is_shared() -> None:
    """The bias stays; the parameter is the weight as it was."""
    layer = nn.Linear(4, 3)
    weight, bias = layer.weight.detach().clone(), layer.bias
    assert normalize_(layer, ssn(2.0), torch.zeros(1, 4)) is layer
    ((spectral, parameter),) = spectral_pairs(layer)
    assert torch.equal(parameter, weight)
    assert layer.bias is bias
    assert layer.weight.data_ptr() == spectral.normalized.data_ptr()


class first_row(SpectralNormalization):
    """By the length of the first row alone."""

    def operators(self, layer: nn.Module) -> list[Operator]:
        class First(Unfolding):
            def matrix(self, weight: Tensor) -> Tensor:
                return super().matrix(weight)[:1]

            def left(self, weight: Tensor) -> Tensor:
                return super().left(weight)[:1]

        return [First(0)]


def test_a_norm_of_ones_own_says_the_operators_and_no_more() -> None:
    layer = nn.Linear(2, 2).double()
    layer.weight.data.copy_(torch.tensor([[3.0, 4.0], [10.0, 0.0]]))
    made = used(normalize_(layer, first_row(2.0), torch.zeros(1, 2)))
    torch.testing.assert_close(made, torch.tensor([[1.2, 1.6], [4.0, 0.0]]).double())
