"""One way to train: with the step, and with the literal algorithm beside it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from gan_lightning.augmentation import DiffAugment, View, as_they_are
from gan_lightning.draws import Draw, Own
from gan_lightning.losses import Objective, auxiliary, hinge
from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.normalization import (
    Normalization,
    gamma,
    none,
    normalize_,
    shared_gamma,
    sn_conv,
)
from gan_lightning.penalties import Penalty
from gan_lightning.players import Player, descend
from tests.reference import LiteralNetwork, ReferenceGAN, own
from tests.reference_augmentation import literally

SHAPE = (3, 16, 16)
LATENT, CLASSES, N = 16, 3, 6
LR, BETAS = 2e-4, (0.5, 0.9)
EPS = 1e-4
"""Adam divides a gradient by its size: with the usual 1e-8, rounding errors of gradients that are
zero (biases before batch normalization) would grow to 1e-11 and more. With this they stay what they
are, and an error of 0.1 % in a gradient still moves weights by 1e-8."""
TOLERANCE = 1e-12


@dataclass
class Case:
    """One way to train, and what the literal algorithm calls it."""

    norm: Normalization
    generator_norm: Normalization = field(default_factory=none)
    objective: Objective = field(default_factory=hinge)
    penalties: tuple[Penalty, ...] = ()
    n_dis: int = 1
    conditional: bool = False
    own: int | None = None
    judge: type[nn.Module] = ProjectionCNNDiscriminator
    augment: DiffAugment | None = None
    small: bool = False

    @property
    def shape(self) -> tuple[int, int, int]:
        """Small where the reference builds the matrix of every convolution."""
        strict = isinstance(self.norm, sn_conv) or isinstance(self.generator_norm, sn_conv)
        return (3, 8, 8) if strict or self.small else SHAPE

    @property
    def view(self) -> View:
        """What the discriminator sees."""
        return self.augment or as_they_are

    def plain(self) -> tuple[nn.Module, nn.Module]:
        """Both networks, without normalization."""
        torch.manual_seed(0)
        if self.conditional:
            generator: nn.Module = ConditionalCNNGenerator(self.shape, CLASSES, LATENT, width=4)
            discriminator = self.judge(self.shape, CLASSES, width=4)
        else:
            generator = CNNGenerator(self.shape, LATENT, width=4)
            discriminator = CNNDiscriminator(self.shape, width=4)
        for network in (generator, discriminator):
            network.double().to(memory_format=torch.channels_last)
        # The initial weights are so small that gradients vanish: make the comparison a real one.
        for parameter in discriminator.parameters():
            parameter.data *= 4
        return generator, discriminator

    def normalized(self) -> tuple[nn.Module, nn.Module]:
        """Both networks."""
        generator, discriminator = self.plain()
        labels = [torch.zeros(1, dtype=torch.int64)] if self.conditional else []
        normalize_(generator, self.generator_norm, torch.zeros(1, LATENT), *labels)
        normalize_(discriminator, self.norm, torch.zeros(1, *self.shape), *labels)
        return generator, discriminator

    def reference(self, generator: nn.Module, discriminator: nn.Module) -> ReferenceGAN:
        """The literal algorithm, from the same weights."""
        plain = self.plain()
        pairs = zip(
            (generator, discriminator), plain, (self.generator_norm, self.norm), strict=True
        )
        G, D = (literal_network(*pair) for pair in pairs)
        penalties = [(type(p).__name__, p.weight) for p in self.penalties]  # type: ignore[attr-defined]  # each has
        objective, weights = self.objective, (0.0, 0.0)
        if isinstance(objective, auxiliary):
            weights = objective.real_weight, objective.fake_weight
            objective = objective.over
        view = literally(self.augment.policy) if self.augment else as_they_are
        name = type(objective).__name__
        return ReferenceGAN(G, D, name, penalties, LR, BETAS, EPS, weights, view)

    def data(self, iterations: int) -> list[tuple[Draw, Own | None]]:
        """What the iterations look at."""
        rng = torch.Generator().manual_seed(1)

        def some(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=rng, dtype=torch.float64)

        def labels(*shape: int) -> tuple[Tensor, ...]:
            drawn = torch.randint(CLASSES, shape, generator=rng)
            return (drawn,) if self.conditional else ()

        def views(*shape: int) -> tuple[Tensor, ...]:
            return (torch.rand(*shape, 7, generator=rng),) if self.augment else ()

        def draw() -> tuple[Draw, Own | None]:
            size = (self.n_dis, N)
            draws = Draw(
                some(*size, *self.shape).tanh(),
                some(*size, LATENT),
                some(*size).sigmoid() if self.penalties else some(self.n_dis, 0),
                labels(*size),
                labels(*size),
                views(*size),
                views(*size),
            )
            if not self.own:
                return draws, None
            return draws, Own(some(self.own, LATENT), labels(self.own), views(self.own))

        return [draw() for _ in range(iterations)]


def literal_network(normalized: nn.Module, plain: nn.Module, norm: Normalization) -> LiteralNetwork:
    kinds: dict[type, str] = {gamma: "layer", shared_gamma: "network"}
    gains = kinds.get(type(norm), "none")
    inner = norm.over if isinstance(norm, gamma) else norm
    limit = getattr(inner, "limit", None)
    return LiteralNetwork(normalized, plain, type(inner).__name__, gains, limit)


def players(generator: nn.Module, discriminator: nn.Module, **adam: Any) -> tuple[Player, Player]:
    settings: dict[str, Any] = {"lr": LR, "betas": BETAS, "eps": EPS, "fused": True} | adam
    update_g, update_d = (
        descend(torch.optim.Adam(network.parameters(), **settings))
        for network in (generator, discriminator)
    )
    return Player(generator, update_g), Player(discriminator, update_d)


def is_gain_of(layer: str, key: str) -> bool:
    """Whether a state's key is that of a layer's gain, over a parametrization or alone."""
    return key.startswith(f"{layer}.parametrizations.weight.") and key.endswith(".gamma")


def assert_same_weights(network: nn.Module, literal: LiteralNetwork) -> None:
    state = network.state_dict()
    for key, value in literal.plain.state_dict().items():
        if not key.endswith("num_batches_tracked"):
            torch.testing.assert_close(own(state, key), value, rtol=0, atol=TOLERANCE)
    for name, outputs in literal.outputs.items():
        if outputs.norm == "bn":
            for kind, value in zip(("mean", "var"), outputs.statistics, strict=True):
                mine = state[f"{name}.norm.running_{kind}"]
                torch.testing.assert_close(mine, value, rtol=0, atol=TOLERANCE)
    for name, value in literal.gains.items():
        (mine,) = (v for k, v in state.items() if is_gain_of(name, k))
        torch.testing.assert_close(mine, value.detach(), rtol=0, atol=TOLERANCE)
