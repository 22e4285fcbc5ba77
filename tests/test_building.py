"""The two networks as they start: each by its own recipe, and found to fit together."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.building import NetworkRecipe, build_networks
from gan_lightning.errors import UserError
from gan_lightning.initialization import lecun, orthogonal
from gan_lightning.losses import Objective, auxiliary, hinge
from gan_lightning.networks import (
    AuxiliaryCNNDiscriminator,
    CNNDiscriminator,
    CNNGenerator,
    ConditionalCNNGenerator,
    Generator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.normalization import bn, bssn, none, sn, spectral_pairs
from gan_lightning.penalties import Penalty, gradient_penalty, orthonormal
from tests.conftest import same

SHAPE = (1, 8, 8)
PLAIN = NetworkRecipe(partial(CNNGenerator, latent_dim=3, width=2), None, none())
JUDGE = NetworkRecipe(partial(CNNDiscriminator, width=2), None, none())
OF_CLASSES = NetworkRecipe(partial(ConditionalCNNGenerator, latent_dim=3, width=2), None, none())


def made(
    generator: NetworkRecipe[Any] = PLAIN,
    discriminator: NetworkRecipe[Any] = JUDGE,
    classes: int | None = None,
    objective: Objective = hinge(),
    penalties: Sequence[Penalty] = (),
) -> tuple[Generator, nn.Module]:
    """Both, from the same random numbers."""
    torch.manual_seed(0)
    return build_networks(SHAPE, classes, generator, discriminator, objective, penalties)


def weights(network: nn.Module) -> dict[str, Any]:
    return dict(network.state_dict())


def test_they_are_what_their_makers_make() -> None:
    G, D = made()
    torch.manual_seed(0)
    assert same(weights(G), weights(PLAIN.make(SHAPE)))
    assert same(weights(D), weights(JUDGE.make(SHAPE)))
    assert G(torch.randn(5, 3)).shape == (5, *SHAPE)


def test_an_initialization_draws_the_weights_of_its_own_network() -> None:
    G, D = made()
    G2, D2 = made(PLAIN._replace(initialization=lecun()))
    assert not same(weights(G2), weights(G))
    assert same(weights(D2), weights(D))
    G3, D3 = made(discriminator=JUDGE._replace(initialization=lecun()))
    assert same(weights(G3), weights(G))
    assert not same(weights(D3), weights(D))


def test_a_norm_normalizes_the_layers_of_its_own_network() -> None:
    G, D = made(PLAIN._replace(norm=bssn(1.5)), JUDGE._replace(norm=sn()))
    assert {spectral.scale for spectral, _ in spectral_pairs(G)} == {1.5}
    assert {spectral.scale for spectral, _ in spectral_pairs(D)} == {1.0}
    G, D = made(PLAIN._replace(norm=sn()))
    assert spectral_pairs(G)
    assert not spectral_pairs(D)


def test_weights_are_drawn_before_they_are_normalized() -> None:
    """So that power iteration starts from the weights that are trained."""
    _, plain = made(discriminator=JUDGE._replace(initialization=orthogonal()))
    _, D = made(discriminator=JUDGE._replace(initialization=orthogonal(), norm=sn()))
    drawn = [p for name, p in plain.named_parameters() if name.endswith("weight")]
    pairs = spectral_pairs(D)
    assert len(pairs) == len(drawn)
    for (spectral, weight), before in zip(pairs, drawn, strict=True):
        assert torch.equal(weight, before)
        torch.testing.assert_close(spectral(weight), spectral.definition(weight))


def test_they_are_laid_out_for_convolutions() -> None:
    for network in made():
        for parameter in network.parameters():
            if parameter.ndim == 4:
                assert parameter.is_contiguous(memory_format=torch.channels_last)


class Noisy(CNNDiscriminator):
    """Answers at random."""

    def forward(self, x: Tensor) -> Tensor:
        answer: Tensor = super().forward(x)
        return answer + torch.randn_like(answer)


def test_finding_out_whether_they_fit_leaves_no_trace() -> None:
    """It is a pass on zeros: no running statistic moves, and no random number is gone."""
    judge = NetworkRecipe[nn.Module](partial(Noisy, width=2), None, none())
    made(discriminator=judge)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    PLAIN.make(SHAPE)
    judge.make(SHAPE)
    assert torch.equal(torch.get_rng_state(), after)
    _, D = made(discriminator=JUDGE._replace(norm=bn()))
    means = [buffer for name, buffer in D.named_buffers() if name.endswith("running_mean")]
    assert means
    assert not any(mean.any() for mean in means)
    assert all(module.training for module in D.modules())


def test_classes_reach_both() -> None:
    judge = NetworkRecipe(partial(ProjectionCNNDiscriminator, width=2), None, sn())
    G, D = made(OF_CLASSES, judge, 4)
    assert G.num_classes == D.num_classes == 4
    with pytest.raises(UserError, match=r"^generator ConditionalCNNGenerator takes 4 classes, but"):
        made(OF_CLASSES, JUDGE, 4)
    with pytest.raises(UserError, match=r"takes no classes, but .* takes 4 classes"):
        made(PLAIN, judge, 4)


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_what_cannot_be_made_is_an_argument_of_its_maker(network: str) -> None:
    kind: Any = {"generator": CNNGenerator, "discriminator": CNNDiscriminator}[network]
    wrong: Any = {network: NetworkRecipe(partial(kind, width=0), None, none())}
    with pytest.raises(UserError, match=rf"^{network}\.width must be >= 1, got 0$"):
        made(**wrong)


def test_an_objective_that_does_not_understand_is_refused() -> None:
    with pytest.raises(UserError, match=r"^objective auxiliary does not understand"):
        made(objective=auxiliary())
    judge = NetworkRecipe(partial(AuxiliaryCNNDiscriminator, width=2), None, none())
    with pytest.raises(UserError, match=r"^objective hinge does not understand .* Auxiliary"):
        made(OF_CLASSES, judge, 3)
    made(OF_CLASSES, judge, 3, auxiliary())


def test_a_slope_of_coupled_images_is_refused_and_one_of_weights_is_not() -> None:
    coupled = JUDGE._replace(norm=bn())
    with pytest.raises(UserError, match=r"^penalties gradient_penalty asks how"):
        made(discriminator=coupled, penalties=[orthonormal(), gradient_penalty()])
    made(discriminator=coupled, penalties=[orthonormal()])
    made(PLAIN._replace(norm=bn()), penalties=[gradient_penalty()])
