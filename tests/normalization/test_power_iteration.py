"""Estimates of singular values, and what moves them."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from itertools import pairwise

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.networks import CNNDiscriminator
from gan_lightning.normalization import (
    Norm,
    Normalization,
    bsn,
    bssn,
    normalize_,
    power_iterate_,
    spectral_pairs,
    ssn,
    wn,
)
from gan_lightning.normalization.operators import Unfolding
from gan_lightning.normalization.power_iteration import PowerIteration, SpectralNorm
from tests.normalization.made import (
    IMAGE,
    SHAPE,
    conv,
    discriminator,
)


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


def test_sigma_stays_in_full_precision_under_autocast() -> None:
    """A bf16 run's estimate against the float64 SVD of the same weights."""
    network = discriminator()
    with torch.autocast("cpu", torch.bfloat16):
        for _ in range(300):
            power_iterate_(network)
        assert network(torch.randn(2, *SHAPE)).dtype == torch.bfloat16
        estimates = [1.2 / float(spectral.gain) for spectral, _ in spectral_pairs(network)]
    for estimate, (spectral, weight) in zip(estimates, spectral_pairs(network), strict=True):
        w = weight.detach().double()
        sides = [w.flatten(1)] if w.ndim == 2 else [w.flatten(1), w.transpose(0, 1).flatten(1)]
        exact = sum(float(torch.linalg.svdvals(side)[0]) for side in sides) / len(sides)
        assert estimate == pytest.approx(exact, rel=1e-4), spectral


def test_gradients_in_any_memory_order() -> None:
    layer = conv(bssn(1.2))
    ((spectral, weight),) = spectral_pairs(layer)
    direction = torch.randn(*weight.shape, dtype=torch.float64)  # NCHW, while the kernel is NHWC
    assert not direction.is_contiguous(memory_format=torch.channels_last)
    (fast,) = torch.autograd.grad(spectral(weight), weight, direction)
    (slow,) = torch.autograd.grad(spectral.definition(weight), weight, direction)
    torch.testing.assert_close(fast, slow, rtol=1e-12, atol=1e-13)


# ----------------------------------------------------------------------------------- by itself


def linear(weight: Tensor, scale: float = 1.0) -> tuple[SpectralNorm, Tensor]:
    """The spectral norm of a matrix, and the matrix."""
    return SpectralNorm(weight, [Unfolding(0)], scale), weight


def test_an_iteration_is_the_papers_by_hand() -> None:
    """SNGAN Eq. 20 and 21: ``v <- A^T u / |A^T u|``, ``u <- A v / |A v|``, ``sigma = u^T A v``."""
    spectral, weight = linear(torch.tensor([[3.0, 1.0], [0.0, 2.0]], dtype=torch.float64), 1.5)
    spectral.u0.copy_(torch.tensor([0.6, 0.8]))  # type: ignore[operator]  # a buffer
    PowerIteration([(spectral, weight)]).iterate_()
    v = torch.tensor([1.8, 2.2], dtype=torch.float64) / 8.08**0.5  # A^T u = (1.8, 0.6 + 1.6)
    made = torch.tensor([7.6, 4.4], dtype=torch.float64) / 8.08**0.5  # A v
    sigma = (7.6**2 + 4.4**2) ** 0.5 / 8.08**0.5
    for got, expected in ((spectral.v0, v), (spectral.u0, made / made.norm())):
        torch.testing.assert_close(got, expected)
    assert float(spectral.sigma(weight)) == pytest.approx(sigma)
    assert float(spectral.gain) == pytest.approx(1.5 / sigma)
    torch.testing.assert_close(spectral.normalized, 1.5 / sigma * weight)


def test_an_estimate_never_falls_and_never_passes_the_norm() -> None:
    for seed in range(3):
        torch.manual_seed(seed)
        spectral, weight = linear(torch.randn(6, 4, dtype=torch.float64))
        spectral.u0.copy_(torch.randn(6))  # type: ignore[operator]  # a buffer
        iteration, estimates = PowerIteration([(spectral, weight)]), [0.0]
        for _ in range(120):
            iteration.iterate_()
            estimates.append(float(spectral.sigma(weight)))
        exact = float(torch.linalg.matrix_norm(weight, 2))
        assert all(b >= a - 1e-12 for a, b in pairwise(estimates))
        assert estimates[1] < 0.999 * exact
        assert estimates[-1] == pytest.approx(exact, rel=1e-4)
        assert estimates[-1] <= exact * (1 + 1e-12)


def test_a_new_layer_is_normalized_before_its_first_pass() -> None:
    torch.manual_seed(0)
    for _ in range(5):
        spectral, weight = linear(torch.randn(20, 30))
        assert 0.99 < float(torch.linalg.matrix_norm(spectral(weight), 2)) < 1.05


def test_a_refresh_takes_the_present_weight_along_the_present_vector() -> None:
    """It moves u, which is a function of weight and v, but not v; and nothing when repeated."""
    torch.manual_seed(0)
    spectral, weight = linear(torch.randn(4, 3, dtype=torch.float64), 2.0)
    v = spectral.v0.clone()  # type: ignore[operator]  # a buffer
    other = torch.randn(4, 3, dtype=torch.float64)
    weight.copy_(other)
    refresh = PowerIteration([(spectral, weight)]).refresh_
    for _ in range(2):
        refresh()
        assert torch.equal(spectral.v0, v)  # type: ignore[arg-type]  # a buffer
        torch.testing.assert_close(spectral.u0, (other @ v) / (other @ v).norm())
        torch.testing.assert_close(spectral.normalized, 2 * other / (other @ v).norm())


def next_of(kinds: Iterator[Normalization]) -> Norm:
    """Another norm for each layer, in their order."""
    return lambda layer: next(kinds)(layer)


def test_layers_together_are_the_layers_one_by_one() -> None:
    """One operator here and two there, vectors and scales of each its own."""
    networks = []
    for _ in range(2):
        torch.manual_seed(0)
        layers = [nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 3), nn.Flatten(), nn.Linear(32, 3)]
        network = nn.Sequential(*layers).double()
        kinds: Iterator[Normalization] = iter((bssn(0.5), bssn(2.0), bssn(3.0)))
        normalize_(network, next_of(kinds), IMAGE)
        with torch.no_grad():
            for _, weight in spectral_pairs(network):
                weight.add_(torch.randn_like(weight))
        networks.append(network)
    together, alone = networks
    PowerIteration(spectral_pairs(together)).iterate_()
    for one in spectral_pairs(alone):
        PowerIteration([one]).iterate_()
    for (mine, weight), (own, _) in zip(*map(spectral_pairs, networks), strict=True):
        torch.testing.assert_close(mine.normalized, own.normalized, rtol=1e-14, atol=0)
        torch.testing.assert_close(mine.normalized, mine.definition(weight), rtol=1e-12, atol=0)
    assert [p.scale for p, _ in spectral_pairs(together)] == [0.5, 2.0, 3.0]
    assert [len(p.operators) for p, _ in spectral_pairs(together)] == [2, 2, 1]


def test_several_operators_are_averaged() -> None:
    """By outputs diag(3, 4), of norm 4; by inputs one row with 3 and 4, of norm 5."""
    kernel = torch.zeros(2, 1, 1, 2, dtype=torch.float64)
    kernel[0, 0, 0, 0], kernel[1, 0, 0, 1] = 3, 4
    both = SpectralNorm(kernel, [Unfolding(0), Unfolding(1)])
    for _ in range(50):
        PowerIteration([(both, kernel)]).iterate_()
    estimates = [float((u * op.forward(kernel, v)).sum()) for op, u, v in both.vectors()]
    assert estimates == pytest.approx([4, 5])
    assert float(both.sigma(kernel)) == pytest.approx(4.5)
    torch.testing.assert_close(both.normalized, kernel / 4.5)


def test_the_slope_of_an_estimate_is_u_v() -> None:
    """With u and v constant: ``d sigma / dW = u v^T``."""
    torch.manual_seed(0)
    spectral, weight = linear(torch.randn(4, 3, dtype=torch.float64).requires_grad_())
    (slope,) = torch.autograd.grad(spectral.sigma(weight), weight)
    torch.testing.assert_close(slope, torch.outer(spectral.u0, spectral.v0))  # type: ignore[arg-type]  # buffers


def test_a_weight_of_zero_has_an_estimate_of_one() -> None:
    spectral, weight = linear(torch.zeros(3, 2), 2.0)
    assert float(spectral.sigma(weight)) == 1
    assert float(spectral.gain) == 2
    assert not spectral(weight).any()
    assert float(spectral.u0.norm()) == pytest.approx(1)  # type: ignore[operator]  # a buffer


def test_of_no_layers_nothing_is_made() -> None:
    nothing = PowerIteration([])
    nothing.iterate_()
    nothing.refresh_()
    assert not spectral_pairs(nn.Sequential(nn.Linear(2, 2)))


def test_only_spectral_norms_are_found_each_with_its_own_parameter() -> None:
    kinds: Iterator[Normalization] = iter((wn(), ssn(3.0), bsn()))
    network = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2), nn.Linear(2, 1))
    normalize_(network, next_of(kinds), torch.zeros(1, 4))
    pairs = spectral_pairs(network)
    assert [spectral.scale for spectral, _ in pairs] == [3.0, 1.0]
    for (_, weight), name in zip(pairs, "12", strict=True):
        assert weight is network.get_parameter(f"{name}.parametrizations.weight.original")


def test_the_vectors_are_kept_and_what_follows_from_them_is_not() -> None:
    kernel = torch.randn(4, 3, 2, 2)
    state = SpectralNorm(kernel, [Unfolding(0), Unfolding(1)]).state_dict()
    assert {name: tuple(value.shape) for name, value in state.items()} == {
        "u0": (4,),
        "v0": (12,),
        "u1": (3,),
        "v1": (16,),
    }
