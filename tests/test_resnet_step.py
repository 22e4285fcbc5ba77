"""Training the folded ResNets against the literal algorithm on unfolded ones, in float64."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks.peers import plain_iteration
from benchmarks.plain_resnet import unfolded
from benchmarks.resnet import Variant, build, flops
from gan_lightning.losses import hinge, standard, wasserstein
from gan_lightning.networks import (
    ConcatResNetDiscriminator,
    ConditionalResNetGenerator,
    ProjectionResNetDiscriminator,
    ResNetDiscriminator,
    ResNetGenerator,
)
from gan_lightning.normalization import bsn, bssn, clip, gamma, none, sn, sn_conv
from gan_lightning.step import iteration
from tests.reference import ReferenceGAN
from tests.step_cases import CLASSES, LATENT, TOLERANCE, Case, assert_same_weights, players
from tests.step_choices import GP, R1

WIDTHS: dict[str, Any] = {"widths": (4, 5, 6, 6), "halvings": 2}


@dataclass
class ResNetCase(Case):
    """The same with ResNets, which the literal algorithm does not fold."""

    discriminator: type[nn.Module] = ProjectionResNetDiscriminator
    folded: bool = True

    @property
    def shape(self) -> tuple[int, int, int]:
        """Small: some references build the matrices of convolutions."""
        return 3, 8, 8

    def plain(self) -> tuple[nn.Module, nn.Module]:
        """Both networks, without normalization."""
        torch.manual_seed(0)
        networks: tuple[nn.Module, nn.Module]
        if self.conditional:
            generator = ConditionalResNetGenerator(self.shape, CLASSES, LATENT, widths=(6, 4, 4))
            networks = generator, self.discriminator(self.shape, CLASSES, **WIDTHS)
        else:
            plain = ResNetDiscriminator(self.shape, hidden="code", **WIDTHS)
            networks = ResNetGenerator(self.shape, LATENT, widths=(6, 4, 4)), plain
        for network in networks:
            network.double().to(memory_format=torch.channels_last)
            if not self.folded:
                unfolded(network)
        return networks

    def reference(self, generator: nn.Module, discriminator: nn.Module) -> ReferenceGAN:
        """The literal algorithm, from the same weights."""
        return Case.reference(replace(self, folded=False), generator, discriminator)


CASES = {
    "none": ResNetCase(none(), objective=standard()),
    "sn, n_dis 2": ResNetCase(sn(), n_dis=2),
    "bssn": ResNetCase(bssn(1.2), generator_norm=bsn()),
    "sn_conv": ResNetCase(sn_conv(1.75)),
    "generator sn_conv": ResNetCase(none(), generator_norm=sn_conv()),
    "clip": ResNetCase(clip(0.1), objective=wasserstein()),
    "gamma, penalty": ResNetCase(gamma(sn()), objective=wasserstein(), penalties=(GP,)),
    "wgan-gp": ResNetCase(none(), objective=wasserstein(), penalties=(GP,), n_dis=2),
    "penalty through sn_conv": ResNetCase(sn_conv(), penalties=(R1,)),
    "projection, own batch": ResNetCase(bssn(1.2), conditional=True, own=9),
    "concat, penalty": ResNetCase(
        sn(), penalties=(GP,), conditional=True, discriminator=ConcatResNetDiscriminator
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_two_iterations_are_those_of_the_literal_algorithm(name: str) -> None:
    case = CASES[name]
    generator, discriminator = case.normalized()
    reference = case.reference(generator, discriminator)
    before = {k: v.clone() for k, v in reference.D.plain.state_dict().items()}
    G, D = players(generator, discriminator)
    for draws, own_draw in case.data(iterations=2):
        losses = iteration(G, D, case.objective, case.penalties, draws, own_draw)
        expected = torch.tensor(reference.iteration(draws, own_draw), dtype=torch.float64)
        torch.testing.assert_close(losses, expected, rtol=0, atol=TOLERANCE)
    assert_same_weights(generator, reference.G)
    assert_same_weights(discriminator, reference.D)
    for key, value in reference.D.plain.state_dict().items():
        if value.ndim > 1:  # so that there was something to compare
            assert (value - before[key]).abs().max() > 1e6 * TOLERANCE, key


def test_a_whole_iteration_runs_on_the_meta_device() -> None:
    """So that nothing is read back to the host, and a CUDA graph can capture it."""
    case = CASES["bssn"]
    generator, discriminator = (network.to("meta") for network in case.normalized())
    ((draws, _),) = case.data(1)
    G, D = players(generator, discriminator, fused=False, foreach=True)
    losses = iteration(G, D, hinge(), (), draws.map(lambda t: t.to("meta")))
    assert losses.is_meta


def test_an_iteration_of_resnet_32_costs_0_53_of_a_plain_one() -> None:
    """In FLOPs: 3 G + 8 D of the folded networks against 4 G + 9 D of the plain ones."""
    plain = Variant(plain_iteration, none(), folded=False, ours=False)
    folded = Variant(iteration, none(), folded=True, ours=True)
    costs = [flops(build(variant, 32, 2, device="meta")) for variant in (plain, folded)]
    assert costs[1] <= 0.53 * costs[0]
