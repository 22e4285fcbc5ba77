"""The step against the literal algorithm, in float64."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.losses import Objective, hinge, standard, wasserstein
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import (
    Normalization,
    bsn,
    bssn,
    none,
    normalize_,
    power_iterate_,
    sn,
    sn_conv,
    ssn,
)
from gan_lightning.step import descend, iteration
from tests.reference import ReferenceGAN

SHAPE = (3, 16, 16)
NORMS = [none(), sn(), ssn(1.7), bsn(), bssn(1.3), sn_conv(1.75)]


def networks(norm: Normalization, seed: int = 0) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(seed)
    generator = CNNGenerator(SHAPE, latent_dim=16, width=4).double()
    discriminator = CNNDiscriminator(SHAPE, width=4).double()
    # The initial weights are so small that gradients vanish: make the comparison a real one.
    for parameter in discriminator.parameters():
        parameter.data *= 4
    generator.to(memory_format=torch.channels_last)
    discriminator.to(memory_format=torch.channels_last)
    return generator, normalize_(discriminator, norm, SHAPE)


def data(n_dis: int, iterations: int, n: int = 6) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    images = torch.rand(iterations, n_dis, n, *SHAPE, generator=rng, dtype=torch.float64) * 2 - 1
    return images, torch.randn(iterations, n_dis, n, 16, generator=rng, dtype=torch.float64)


@pytest.mark.parametrize("n_dis", [1, 3])
@pytest.mark.parametrize("norm", NORMS, ids=lambda norm: type(norm).__name__)
@pytest.mark.parametrize("objective", [hinge(), standard()], ids=lambda o: type(o).__name__)
def test_three_iterations_are_those_of_the_literal_algorithm(
    norm: Normalization, n_dis: int, objective: Objective
) -> None:
    generator, discriminator = networks(norm)
    plain = CNNDiscriminator(SHAPE, width=4).double()
    name = type(norm).__name__
    # Biases before batch normalization have a gradient of zero, of which Adam amplifies the
    # rounding error by lr / eps: the papers' learning rate keeps that below the tolerance.
    lr, betas = 2e-4, (0.5, 0.9)
    reference = ReferenceGAN(generator, discriminator, plain, name, objective, lr, betas)
    update_g = descend(torch.optim.Adam(generator.parameters(), lr, betas, fused=True))
    update_d = descend(torch.optim.Adam(discriminator.parameters(), lr, betas, fused=True))
    for images, latents in zip(*data(n_dis, iterations=3), strict=True):
        losses = iteration(generator, discriminator, objective, update_g, update_d, images, latents)
        expected = reference.iteration(images, latents)
        torch.testing.assert_close(
            losses, torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1e-11
        )

    for key, value in reference.generator.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(generator.state_dict()[key], value, rtol=0, atol=1e-11)
    state = discriminator.state_dict()
    for key, value in plain.state_dict().items():
        mine = state.get(key, state.get(key.replace("weight", "parametrizations.weight.original")))
        torch.testing.assert_close(mine, value, rtol=0, atol=1e-11)


def test_the_comparison_notices_a_wrong_norm() -> None:
    """A comparison that cannot fail proves nothing: sn's step is not bsn's."""
    generator, discriminator = networks(sn())
    plain = CNNDiscriminator(SHAPE, width=4).double()
    reference = ReferenceGAN(generator, discriminator, plain, "sn", hinge(), 1e-3, (0.5, 0.9))
    _, other = networks(bsn())
    images, latents = data(1, 1)
    adam = [torch.optim.Adam(n.parameters(), 1e-3, (0.5, 0.9)) for n in (generator, other)]
    losses = iteration(
        generator, other, hinge(), descend(adam[0]), descend(adam[1]), images[0], latents[0]
    )
    expected = torch.tensor(reference.iteration(images[0], latents[0]), dtype=torch.float64)
    assert (losses - expected).abs().max() > 1e-6


def test_batch_normalized_discriminator_sees_real_and_fake_apart() -> None:
    torch.manual_seed(0)
    seen: list[int] = []

    class Coupled(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Flatten())

        def forward(self, x: Tensor) -> Tensor:
            seen.append(len(x))
            features: Tensor = self.layers(x)
            return features.mean(1)

    generator, coupled = CNNGenerator(SHAPE, 16, width=4), Coupled()
    updates = [descend(torch.optim.SGD(n.parameters(), 0.1)) for n in (generator, coupled)]
    images, latents = (x[0].float() for x in data(1, 1))
    iteration(generator, coupled, hinge(), updates[0], updates[1], images, latents)
    assert seen == [6, 6, 6]  # real, fake, and the generator's


def test_an_iteration_runs_on_the_meta_device() -> None:
    """Which has no data: so nothing in it reads a value back to the host."""
    generator, discriminator = networks(bssn(1.2))
    for network in (generator, discriminator):
        network.float().to("meta")
    updates = [
        descend(torch.optim.Adam(n.parameters(), 1e-3, foreach=True))
        for n in (generator, discriminator)
    ]
    images, latents = (x[0].float().to("meta") for x in data(2, 1))
    power_iterate_(discriminator)
    losses = iteration(
        generator, discriminator, wasserstein(), updates[0], updates[1], images, latents
    )
    assert losses.shape == (2,)
    assert losses.is_meta


@pytest.mark.parametrize("norm", [none(), bssn(1.2)], ids=["none", "bssn"])
def test_no_pass_uses_the_half_precision_copy_of_old_weights(norm: Normalization) -> None:
    """One autocast context around many updates, with and without its cache."""
    results = []
    for cache in (True, False):
        generator, discriminator = (network.float() for network in networks(norm))
        updates = [
            descend(torch.optim.SGD(n.parameters(), 1.0)) for n in (generator, discriminator)
        ]
        images, latents = (x[0].float() for x in data(3, 1))
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=cache):
            for _ in range(2):
                iteration(
                    generator, discriminator, hinge(), updates[0], updates[1], images, latents
                )
        results.append([*generator.parameters(), *discriminator.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))
