"""The theorems of the BSSN paper as properties of what the code computes."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from gan_lightning.normalization import bsn, normalize_, power_iterate_, sn, sn_conv, spectral_pairs

widths = st.integers(1, 9)
seeds = st.integers(0, 2**31)
FEW = settings(max_examples=15, deadline=None)


def converged(layer: nn.Module, norm: sn | bsn | sn_conv, shape: tuple[int, ...]) -> nn.Module:
    module = normalize_(layer.double(), norm, torch.zeros(1, *shape))
    for _ in range(100):
        power_iterate_(module)
    return module


def normalized(module: nn.Module) -> Tensor:
    weight = module.weight
    assert isinstance(weight, Tensor)
    return weight.detach()


@FEW
@given(m=widths, n=widths, seed=seeds, uniform=st.booleans())
def test_theorem_2_variance_of_sn(m: int, n: int, seed: int, uniform: bool) -> None:
    """Var(a_ij / |A|) <= 1 / max(m, n), Eq. 3; it even holds for the mean over each matrix."""
    torch.manual_seed(seed)
    layer = nn.Linear(n, m, bias=False)
    (nn.init.uniform_ if uniform else nn.init.normal_)(layer.weight, -1, 1)
    weight = normalized(converged(layer, sn(), (n,)))
    assert float(weight.square().mean()) <= 1 / max(m, n) * (1 + 1e-3)


@FEW
@given(c_out=st.integers(2, 6), c_in=st.integers(2, 6), k=st.integers(2, 3), seed=seeds)
def test_theorem_3_variance_of_bsn(c_out: int, c_in: int, k: int, seed: int) -> None:
    """Var(w_ij / sigma_w) <= 2 / ((c_in + c_out) k_h k_w), for i.i.d. Gaussian entries."""
    assume(k * k >= max(c_out / c_in, c_in / c_out))
    torch.manual_seed(seed)
    layer = nn.Conv2d(c_in, c_out, k, bias=False)
    nn.init.normal_(layer.weight)
    weight = normalized(converged(layer, bsn(), (c_in, 4, 4)))
    assert float(weight.square().mean()) <= 2 / ((c_in + c_out) * k * k)


def mlp(sizes: list[int], slope: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for n, m in pairwise(sizes):
        layers += [nn.Linear(n, m, bias=False), nn.LeakyReLU(slope)]
    return nn.Sequential(*layers[:-1])


@FEW
@given(hidden=st.lists(st.integers(2, 8), min_size=1, max_size=3), n=st.integers(2, 6), seed=seeds)
def test_proposition_1_gradient_bound(hidden: list[int], n: int, seed: int) -> None:
    """|grad_{w_t} D(x)|_F <= |x| and |grad_theta D(x)| <= sqrt(L) |x|, if every |w_t| <= 1."""
    torch.manual_seed(seed)
    network = mlp([n, *hidden, 1], slope=0.1).double()
    normalize_(network, sn(), torch.zeros(1, *(n,)))
    for _ in range(50):
        power_iterate_(network)
    weights = [p(w).detach().clone() for p, w in spectral_pairs(network)]
    x = torch.randn(n, dtype=torch.float64)
    for weight in weights:
        # A slowly converging estimate is a little low, so enforce the assumption itself.
        weight /= max(1.0, float(torch.linalg.svdvals(weight)[0]))
        weight.requires_grad_(True)
    out = x
    for k, weight in enumerate(weights):
        out = weight @ out
        out = nn.functional.leaky_relu(out, 0.1) if k + 1 < len(weights) else out
    gradients = torch.autograd.grad(out.sum(), weights)
    bound = float(x.norm()) * (1 + 1e-9)
    assert all(float(g.norm()) <= bound for g in gradients)
    assert (
        math.sqrt(sum(float(g.norm()) ** 2 for g in gradients)) <= math.sqrt(len(weights)) * bound
    )


@FEW
@given(logs=st.lists(st.floats(-1, 1), min_size=3, max_size=3), seed=seeds, slope=st.floats(0, 0.9))
def test_proposition_2_rescaling_invariance(logs: list[float], seed: int, slope: float) -> None:
    """Layers scaled by positive constants of product 1 leave D and its derivative as they were."""
    torch.manual_seed(seed)
    network = mlp([4, 6, 5, 1], slope).double()
    constants = [math.exp(log - sum(logs) / 3) for log in logs]
    x = torch.randn(4, dtype=torch.float64, requires_grad=True)
    before = network(x)
    (slope_before,) = torch.autograd.grad(before.sum(), x)
    with torch.no_grad():
        for weight, c in zip(network.parameters(), constants, strict=True):
            weight.mul_(c)
    after = network(x)
    (slope_after,) = torch.autograd.grad(after.sum(), x)
    torch.testing.assert_close(after, before)
    torch.testing.assert_close(slope_after, slope_before)


@FEW
@given(
    c_in=st.integers(1, 3),
    c_out=st.integers(1, 4),
    kernel=st.integers(1, 4),
    stride=st.integers(1, 2),
    size=st.integers(5, 7),
    seed=seeds,
)
def test_tsuzuku_bounds(
    c_in: int, c_out: int, kernel: int, stride: int, size: int, seed: int
) -> None:
    """s(W_out) <= s(conv) <= alpha s(W_out), alpha^2 the patches that share a pixel.

    Tsuzuku et al. 2018, Corollary 1; BSSN section 4.
    """
    torch.manual_seed(seed)
    layer = nn.Conv2d(c_in, c_out, kernel, stride, padding=kernel // 2).double()
    weight = layer.weight.detach().clone()
    module = converged(layer, sn_conv(), (c_in, size, size))
    ((strict, original),) = spectral_pairs(module)
    unfolded = float(torch.linalg.svdvals(weight.reshape(c_out, -1))[0])
    alpha = math.ceil(kernel / stride)  # per axis; the two axes multiply under the root
    sigma = float(strict.sigma(original.detach()))
    assert unfolded * 0.98 <= sigma <= alpha * unfolded * (1 + 1e-9)
