"""Costs that are not noisy: floating point operations and operations of one iteration."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.counting import CountOperations
from benchmarks.peers import naive, plain_iteration
from gan_lightning.draws import Draw
from gan_lightning.losses import hinge
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import Norm, bssn, frobenius, none, normalize_, sn, sn_conv, wn
from gan_lightning.optim import GANAdam
from gan_lightning.players import Player, descend
from gan_lightning.step import iteration

SHAPE = (3, 16, 16)
N = 4


def build(norm: Norm) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    generator = CNNGenerator(SHAPE, latent_dim=8, width=4)
    discriminator = CNNDiscriminator(SHAPE, width=4)
    for network in (generator, discriminator):
        network.to(memory_format=torch.channels_last)
    return generator, normalize_(discriminator, norm, torch.zeros(1, *SHAPE))


def one(step: Callable[..., Tensor], norm: Norm, n_dis: int = 1) -> Callable[[], Tensor]:
    """An iteration, past the first one in which optimizers make their state."""
    generator, discriminator = build(norm)
    networks = generator, discriminator
    players = [Player(n, descend(GANAdam(n.parameters()))) for n in networks]
    draws = Draw(torch.randn(n_dis, N, *SHAPE), torch.randn(n_dis, N, 8), torch.empty(n_dis, 0))

    def run() -> Tensor:
        return step(*players, hinge(), (), draws)

    run()
    return run


def flops(function: Callable[[], object]) -> int:
    with FlopCounterMode(display=False) as counter:
        function()
    total: int = counter.get_total_flops()
    return total


def forward_flops() -> tuple[int, int, int, int]:
    """Of G, of D, and of the first layer of each, whose input needs no gradient."""
    generator, discriminator = build(none())
    x, z = torch.randn(N, *SHAPE), torch.randn(N, 8)
    first_d = next(m for m in discriminator.modules() if isinstance(m, nn.Conv2d))
    first_g = next(m for m in generator.modules() if isinstance(m, nn.Linear))
    return (
        flops(lambda: generator(z)),
        flops(lambda: discriminator(x)),
        flops(lambda: first_g(z)),
        flops(lambda: first_d(x)),
    )


@pytest.mark.parametrize("n_dis", [1, 3])
def test_an_iteration_costs_3_g_and_8_d(n_dis: int) -> None:
    """And n_dis - 1 more discriminator updates cost G + 6 D each."""
    g, d, first_g, first_d = forward_flops()
    expected = 3 * g - first_g + 2 * d + n_dis * (6 * d - 2 * first_d) + (n_dis - 1) * g
    assert flops(one(iteration, none(), n_dis)) == expected


def test_the_textbook_loop_costs_4_g_and_9_d() -> None:
    g, d, first_g, first_d = forward_flops()
    assert flops(one(plain_iteration, none())) == 4 * g - first_g + 9 * d - 2 * first_d


SHARED = pytest.mark.parametrize(
    "norm", [sn(), bssn(1.2), wn(), frobenius()], ids=["sn", "bssn", "wn", "frobenius"]
)


@SHARED
def test_normalization_adds_no_pass(norm: Norm) -> None:
    """Only matrix-vector products, which the counter does not even count."""
    assert flops(one(iteration, norm)) == flops(one(iteration, none()))


def test_operations_are_a_quarter_of_the_naive_ones() -> None:
    counts = {}
    for name, step, norm in (
        ("bssn", iteration, bssn(1.2)),
        ("naive", plain_iteration, naive()),
        ("strict", iteration, sn_conv()),
    ):
        run = one(step, norm)
        with CountOperations() as counter:
            run()
        counts[name] = counter.operations
    assert counts["bssn"] <= 0.25 * counts["naive"]
    assert counts["strict"] <= counts["bssn"]


def test_what_is_not_estimated_costs_less() -> None:
    """Beside an iteration without: the lengths, the divided weights and their gradients."""
    counts = {}
    for name, norm in (("none", none()), ("sn", sn()), ("wn", wn()), ("frobenius", frobenius())):
        run = one(iteration, norm)
        with CountOperations() as counter:
            run()
        counts[name] = counter.operations
    assert counts["wn"] == counts["frobenius"]
    assert counts["wn"] - counts["none"] <= 0.75 * (counts["sn"] - counts["none"])


@SHARED
def test_passes_of_one_version_share_the_normalized_weight(norm: Norm) -> None:
    """So that more passes add no operation of the normalization."""
    _, discriminator = build(norm)
    _, plain = build(none())
    x = torch.randn(N, *SHAPE)
    counts = []
    for network in (discriminator, plain):
        with torch.no_grad(), CountOperations() as counter:
            network(x)
        counts.append(counter.operations)
    assert counts[0] == counts[1]
