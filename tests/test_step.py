"""The step against the literal algorithm, in float64."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from itertools import combinations, product
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.augmentation import DiffAugment, View, as_they_are
from gan_lightning.draws import Draw, Own
from gan_lightning.losses import Objective, auxiliary, ebgan, hinge, standard, wasserstein
from gan_lightning.networks import (
    AuxiliaryCNNDiscriminator,
    CNNDiscriminator,
    CNNGenerator,
    ConcatCNNDiscriminator,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.normalization import (
    Norm,
    Normalization,
    bn,
    bsn,
    bssn,
    clip,
    frobenius,
    gamma,
    ln,
    none,
    normalize_,
    shared_gamma,
    sn,
    sn_conv,
    ssn,
    wn,
)
from gan_lightning.penalties import Penalty, gradient_penalty, orthonormal, r1
from gan_lightning.players import Player, descend
from gan_lightning.step import iteration
from tests.reference import ENERGY_MARGIN, LiteralNetwork, ReferenceGAN, own
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
        penalties = [(type(p).__name__, p.weight) for p in self.penalties]  # type: ignore[attr-defined]
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
    name = type(norm.over if isinstance(norm, gamma) else norm).__name__
    return LiteralNetwork(normalized, plain, name, gains, getattr(norm, "limit", None))


def players(
    generator: nn.Module, discriminator: nn.Module, **adam: object
) -> tuple[Player, Player]:
    settings = {"lr": LR, "betas": BETAS, "eps": EPS, "fused": True} | adam
    update_g, update_d = (
        descend(torch.optim.Adam(network.parameters(), **settings))  # type: ignore[arg-type]
        for network in (generator, discriminator)
    )
    return Player(generator, update_g), Player(discriminator, update_d)


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
        mine = state[f"{name}.parametrizations.weight.1.gamma"]
        torch.testing.assert_close(mine, value.detach(), rtol=0, atol=TOLERANCE)


GP, R1, ORTHONORMAL = gradient_penalty(10.0), r1(3.0), orthonormal(0.1)
WAYS: dict[str, list[Any]] = {
    "norm": [
        *(none(), sn(), ssn(1.7), bsn(), bssn(1.3), sn_conv(1.75), wn(), frobenius(), bn(), ln()),
        *(clip(0.05), gamma(sn()), shared_gamma(bsn()), gamma(wn())),
    ],
    "penalties": [(), (GP,), (R1,), (ORTHONORMAL,), (GP, ORTHONORMAL)],
    "objective": [hinge(), standard(), wasserstein()],
    "n_dis": [1, 2],
    "conditional": [False, True],
    "own": [None, 4],
}
"""What can be chosen one by one, as arguments of `Case`."""

FAST = [0, 2, 4, 5, 6, 7, 8, 9, 10, 11, 12]
"""Without the norms that are others of scale 1, or of the same kind."""


def makes_sense(choice: dict[str, Any]) -> bool:
    """Batch normalization has no slope of single images."""
    return not (isinstance(choice["norm"], bn) and any(p.per_image for p in choice["penalties"]))


def name_of(choice: dict[str, Any]) -> str:
    def word(value: Any) -> str:  # noqa: ANN401  (of any kind)
        if isinstance(value, tuple):
            return " + ".join(map(word, value)) or "no penalty"
        if isinstance(value, gamma):
            return f"{type(value).__name__}({word(value.over)})"
        return str(value) if value is None or isinstance(value, int) else type(value).__name__

    names = ["{}", "{}", "{}", "n_dis {}", "labels {}", "own {}"]
    return ", ".join(n.format(word(choice[key])) for n, key in zip(names, WAYS, strict=True))


def everything() -> list[dict[str, Any]]:
    """The full product of what makes sense."""
    choices = (dict(zip(WAYS, values, strict=True)) for values in product(*WAYS.values()))
    return [choice for choice in choices if makes_sense(choice)]


def pairs_of(choice: dict[str, Any]) -> set[tuple[Any, ...]]:
    """Which two values meet in a choice."""
    said = [(key, WAYS[key].index(choice[key])) for key in WAYS]
    return set(combinations(said, 2))


def wanted() -> list[dict[str, Any]]:
    """What the fast tests choose from: everything, without the norms of scale 1."""
    norms = [WAYS["norm"][k] for k in FAST]
    return [c for c in everything() if c["norm"] in norms and c["penalties"] != (GP, ORTHONORMAL)]


def covering() -> list[dict[str, Any]]:
    """A few choices in which any two values meet somewhere: the next one has most new pairs."""
    left = wanted()
    missing = set().union(*map(pairs_of, left))
    pairs = [(choice, pairs_of(choice)) for choice in left]
    chosen = []
    while missing:
        choice, met = max(pairs, key=lambda pair: len(pair[1] & missing))
        missing -= met
        chosen.append(choice)
    return chosen


CASES = {name_of(choice): Case(**choice, small=True) for choice in covering()} | {
    "sn hinge n_dis 1": Case(sn()),
    "bssn hinge n_dis 3": Case(bssn(1.3), n_dis=3),
    "wgan-gp": Case(none(), objective=wasserstein(), penalties=(GP,), n_dis=2),
    "penalty through sn": Case(sn(), objective=wasserstein(), penalties=(GP,), n_dis=2),
    "two penalties": Case(ssn(0.7), objective=standard(), penalties=(GP, R1)),
    "clip": Case(clip(0.05), objective=wasserstein(), n_dis=2),
    "gamma": Case(gamma(sn()), objective=wasserstein(), penalties=(GP,)),
    "shared gamma": Case(shared_gamma(bsn()), objective=wasserstein(), penalties=(GP,)),
    "generator norm": Case(bssn(1.2), generator_norm=sn(), n_dis=2),
    "generator bsn": Case(none(), generator_norm=bssn(1.3)),
    "rows": Case(wn(), objective=standard(), penalties=(ORTHONORMAL, GP), small=True),
    "generator wn": Case(frobenius(), generator_norm=wn(), small=True),
    "generator bn": Case(ln(), generator_norm=bn(), n_dis=2, small=True),
    "generator ln": Case(bn(), generator_norm=ln(), small=True),
    "generator frobenius": Case(wn(), generator_norm=frobenius(), small=True, conditional=True),
    "generator sn_conv": Case(sn(), generator_norm=sn_conv()),
    "classes": Case(bssn(1.2), conditional=True, n_dis=2),
    "classes, penalty": Case(sn(), conditional=True, penalties=(GP, R1)),
    "generator's own batch": Case(sn(), own=9, n_dis=2),
    "energies": Case(none(), objective=ebgan(ENERGY_MARGIN), n_dis=2),
    "concat": Case(bssn(1.2), conditional=True, judge=ConcatCNNDiscriminator, penalties=(GP,)),
    "auxiliary": Case(
        objective=auxiliary(wasserstein()),
        norm=none(),
        conditional=True,
        judge=AuxiliaryCNNDiscriminator,
        penalties=(GP,),
        n_dis=2,
    ),
    "auxiliary over hinge": Case(
        objective=auxiliary(hinge(), real_weight=0.7, fake_weight=0.3),
        norm=bssn(1.2),
        conditional=True,
        judge=AuxiliaryCNNDiscriminator,
        own=5,
    ),
    "augmented": Case(bssn(1.2), augment=DiffAugment(), n_dis=2),
    "augmented colour": Case(sn(), augment=DiffAugment(["colour"]), penalties=(GP, R1)),
    "augmented, all at once": Case(
        bssn(1.2),
        objective=auxiliary(),
        penalties=(GP,),
        n_dis=2,
        conditional=True,
        own=4,
        judge=AuxiliaryCNNDiscriminator,
        augment=DiffAugment(["translation", "cutout"]),
    ),
    "all at once": Case(bssn(1.2), sn(), wasserstein(), (GP,), n_dis=2, conditional=True, own=4),
}


def test_any_two_values_meet() -> None:
    choices = covering()
    assert set().union(*map(pairs_of, choices)) == set().union(*map(pairs_of, wanted()))
    assert len(choices) < 50


@pytest.mark.parametrize("name", CASES)
def test_three_iterations_are_those_of_the_literal_algorithm(name: str) -> None:
    follow(CASES[name], iterations=3)


@pytest.mark.exhaustive
@pytest.mark.parametrize("norm", range(len(WAYS["norm"])))
def test_everything_that_can_be_trained_is_the_literal_algorithm(norm: int) -> None:
    for choice in everything():
        if choice["norm"] is WAYS["norm"][norm]:
            try:
                follow(Case(**choice, small=True), iterations=2)
            except AssertionError as error:
                raise AssertionError(name_of(choice)) from error


def follow(case: Case, iterations: int) -> None:
    """Trains both and compares all there is to compare."""
    generator, discriminator = case.normalized()
    reference = case.reference(generator, discriminator)
    G, D = players(generator, discriminator)
    before = copy.deepcopy(reference.D.plain.state_dict())
    for draws, own_draw in case.data(iterations):
        losses = iteration(G, D, case.objective, case.penalties, draws, own_draw, case.view)
        expected = torch.tensor(reference.iteration(draws, own_draw), dtype=torch.float64)
        torch.testing.assert_close(losses, expected, rtol=0, atol=TOLERANCE)
    assert_same_weights(generator, reference.G)
    assert_same_weights(discriminator, reference.D)
    for key, value in reference.D.plain.state_dict().items():
        if value.ndim > 1:  # so that there was something to compare
            assert (value - before[key]).abs().max() > 1e6 * TOLERANCE, key


@pytest.mark.parametrize(
    "name", ["sn hinge n_dis 1", "wgan-gp", "gamma", "classes", "auxiliary", "augmented"]
)
def test_the_comparison_sees_an_error_of_a_thousandth(name: str) -> None:
    """In the discriminator's gradient, which Adam's first steps all but divide out."""
    case = CASES[name]
    generator, discriminator = case.normalized()
    reference = case.reference(generator, discriminator)
    G, D = players(generator, discriminator)
    next(discriminator.parameters()).register_hook(lambda gradient: gradient * 1.001)
    for draws, own_draw in case.data(iterations=3):
        iteration(G, D, case.objective, case.penalties, draws, own_draw, case.view)
        reference.iteration(draws, own_draw)
    with pytest.raises(AssertionError):
        assert_same_weights(discriminator, reference.D)


class Coupled(nn.Module):
    """Batch normalized; notes the sizes of what it sees."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Conv2d(3, 2, 3), nn.BatchNorm2d(2), nn.Flatten())
        self.seen: list[int] = []

    def forward(self, x: Tensor) -> Tensor:
        self.seen.append(len(x))
        features: Tensor = self.layers(x)
        return features.mean(1)


def test_batch_normalized_discriminator_sees_real_and_fake_apart() -> None:
    generator, coupled = Case(none()).plain()[0], Coupled().double()
    ((draws, _),) = Case(none()).data(1)
    G, D = players(generator, coupled)
    iteration(G, D, hinge(), (), draws)
    assert coupled.seen == [N, N, N]  # real, fake, and the generator's


class CoupledByClass(Coupled):
    """The same, conditional; notes the classes it is asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[list[int]] = []

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]
        self.asked.append(y.tolist())
        return super().forward(x) * (1 + y)


def test_each_pass_of_a_coupling_discriminator_asks_about_its_own_classes() -> None:
    case = Case(none(), conditional=True)
    generator, coupled = case.plain()[0], CoupledByClass().double()
    ((draws, _),) = case.data(1)
    draws = draws._replace(
        labels=(torch.zeros(1, N).long(),), fake_labels=(torch.ones(1, N).long(),)
    )
    G, D = players(generator, coupled)
    iteration(G, D, hinge(), (), draws)
    assert coupled.asked == [[0] * N, [1] * N, [1] * N]


def test_real_images_with_classes_and_generated_ones_without_are_refused() -> None:
    """Not judged as if neither had any."""
    G, D = players(*Case(none()).plain())
    ((draws, _),) = Case(none()).data(1)
    with pytest.raises(ValueError, match="shorter"):
        iteration(G, D, hinge(), (), draws._replace(labels=(torch.zeros(1, N).long(),)))


class Output(NamedTuple):
    """Two numbers for each image."""

    logits: Tensor
    other: Tensor


class Twofold(nn.Module):
    """A discriminator with a second head, in half precision."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Flatten(), nn.Linear(768, 2))

    def forward(self, x: Tensor) -> Output:
        both: Tensor = self.body(x).bfloat16()
        return Output(both[:, 0], both[:, 1])


def test_a_discriminator_may_say_several_things_of_an_image() -> None:
    seen: list[Output] = []

    class Both(Objective):
        def discriminator(self, real: Output, fake: Output) -> Tensor:  # type: ignore[override]
            seen.extend((real, fake))
            return hinge().discriminator(real.logits + real.other, fake.logits)

        def generator(self, fake: Output) -> Tensor:  # type: ignore[override]
            seen.append(fake)
            return hinge().generator(fake.logits)

    generator, discriminator = Case(none()).plain()[0], Twofold().double()
    ((draws, _),) = Case(none()).data(1)
    G, D = players(generator, discriminator)
    iteration(G, D, Both(), (), draws)
    assert len(seen) == 3
    for output in seen:
        assert output.logits.shape == output.other.shape == (N,)
        assert output.logits.dtype == output.other.dtype == torch.float32
    assert not torch.equal(seen[0].logits, seen[1].logits)


@pytest.mark.parametrize(
    "name",
    [
        *("bssn hinge n_dis 3", "two penalties", "clip", "all at once", "rows"),
        *("generator bn", "generator frobenius", "augmented, all at once"),
    ],
)
def test_an_iteration_runs_on_the_meta_device(name: str) -> None:
    """Which has no data: so nothing in it reads a value back to the host."""
    case = CASES[name]
    generator, discriminator = (network.to("meta") for network in case.normalized())
    ((draws, own_draw),) = case.data(1)
    draws = draws.map(lambda t: t.to("meta"))
    if own_draw is not None:
        own_draw = own_draw.map(lambda t: t.to("meta"))
    G, D = players(generator, discriminator, fused=False, foreach=True)
    losses = iteration(G, D, case.objective, case.penalties, draws, own_draw, case.view)
    assert losses.shape == (2,)
    assert losses.is_meta


@pytest.mark.parametrize("norm", [none(), bssn(1.2), wn()], ids=["none", "bssn", "wn"])
def test_no_pass_uses_the_half_precision_copy_of_old_weights(norm: Norm) -> None:
    """One autocast context around many updates, with and without its cache."""
    results = []
    for cache in (True, False):
        case = Case(norm, n_dis=3)  # type: ignore[arg-type]
        generator, discriminator = (network.float() for network in case.normalized())
        G, D = (
            Player(n, descend(torch.optim.SGD(n.parameters(), 1.0)))
            for n in (generator, discriminator)
        )
        with torch.autocast("cpu", torch.bfloat16, cache_enabled=cache):
            for draws, _ in case.data(2):
                iteration(G, D, hinge(), (), draws.map(Tensor.float))
        results.append([*generator.parameters(), *discriminator.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


def test_losses_are_taken_in_full_precision_under_autocast() -> None:
    seen: list[torch.dtype] = []

    class Spy(hinge):
        def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
            seen.extend((real.dtype, fake.dtype))
            return super().discriminator(real, fake)

        def generator(self, fake: Tensor) -> Tensor:
            seen.append(fake.dtype)
            return super().generator(fake)

    case = Case(bssn(1.2))
    G, D = players(*(network.float() for network in case.normalized()))
    ((draws, _),) = case.data(1)
    with torch.autocast("cpu", torch.bfloat16):
        assert D.network(draws.images[0].float()).dtype == torch.bfloat16
        iteration(G, D, Spy(), (), draws.map(Tensor.float))
    assert seen == [torch.float32] * 3
