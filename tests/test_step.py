"""The step against the literal algorithm, in float64."""

from __future__ import annotations

import copy
from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.losses import Objective, hinge
from gan_lightning.normalization import (
    Normalization,
    bssn,
    none,
    wn,
)
from gan_lightning.players import Player, descend
from gan_lightning.step import iteration
from tests.step_cases import (
    TOLERANCE,
    Case,
    N,
    assert_same_weights,
    players,
)
from tests.step_choices import CASES, WAYS, covering, everything, name_of, pairs_of, wanted


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

    def forward(self, x: Tensor, y: Tensor) -> Tensor:  # type: ignore[override]  # more of it
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
        # Ignored here: as in `gan_lightning.losses.auxiliary`, more than logits.
        def discriminator(self, real: Output, fake: Output) -> Tensor:  # type: ignore[override]
            seen.extend((real, fake))
            return hinge().discriminator(real.logits + real.other, fake.logits)

        def generator(self, fake: Output) -> Tensor:  # type: ignore[override]  # the same
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
def test_no_pass_uses_the_half_precision_copy_of_old_weights(norm: Normalization) -> None:
    """One autocast context around many updates, with and without its cache."""
    results = []
    for cache in (True, False):
        case = Case(norm, n_dis=3)
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
