"""The normalized weight that all passes of one version share: when it is used, and when not."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, parametrize

from gan_lightning.errors import UserError
from gan_lightning.normalization import (
    Normalization,
    bsn,
    bssn,
    frobenius,
    power_iterate_,
    refresh_,
    sn,
    spectral_pairs,
    wn,
)
from gan_lightning.normalization.shared import (
    SharedWeight,
    parameter_of,
    shared_weights,
    without_autocast,
)
from tests.normalization.changes import CHANGES
from tests.normalization.made import (
    SHAPE,
    conv,
    discriminator,
    ids,
    make,
    used,
)

EACH_FAMILY = pytest.mark.parametrize("norm", [bssn(1.2), wn(), frobenius()], ids=ids)


def test_weights_changed_by_others_are_noticed() -> None:
    module = make("conv3", bsn())
    ((parametrization, weight),) = spectral_pairs(module)
    with torch.no_grad():
        weight *= 3  # a scaled weight is normalized to the same
    torch.testing.assert_close(module.weight, parametrization.normalized)
    with torch.no_grad():
        weight += torch.randn_like(weight)
    assert not used(module).allclose(parametrization.normalized)
    torch.testing.assert_close(module.weight, parametrization.definition(weight))


def stale(network: nn.Module) -> float:
    """How far what the layers use is from the definition, relative."""
    worst = 0.0
    for spectral, weight in shared_weights(network):
        defined = spectral.definition(weight)
        worst = max(worst, float(((spectral(weight) - defined).norm() / defined.norm()).detach()))
    return worst


@EACH_FAMILY
def test_a_copy_does_not_take_the_mark_along(norm: Normalization) -> None:
    """Its tensors count versions anew: some number of changes meets the old mark again."""
    network = discriminator(norm=norm)
    for _ in range(5):
        with torch.no_grad():
            for _, weight in shared_weights(network):
                weight.add_(0)
        power_iterate_(network)
    other = copy.deepcopy(network)
    for seed in range(1, 12):
        other.load_state_dict(discriminator(seed, norm).state_dict())
        assert stale(other) < 1e-5, seed


@EACH_FAMILY
@pytest.mark.parametrize("change", CHANGES)
def test_changes_by_others_are_noticed(
    change: Callable[[nn.Module], None], norm: Normalization
) -> None:
    network = discriminator(norm=norm)
    with torch.no_grad():
        change(network)
    assert stale(network) < 1e-5
    for spectral, weight in shared_weights(network):
        assert spectral(weight).abs().max() < 1e3 * getattr(spectral, "scale", 1)
    refresh_(network)
    assert stale(network) < 1e-5
    before = copy.deepcopy(network.state_dict())
    refresh_(network)
    assert all(torch.equal(v, before[k]) for k, v in network.state_dict().items())


def test_a_trained_network_moves_between_types() -> None:
    network = discriminator()
    x = torch.randn(2, *SHAPE)
    expected = network(x)
    network.double()
    torch.testing.assert_close(network(x.double()).float(), expected, rtol=1e-4, atol=1e-5)
    network.float()
    power_iterate_(network)
    assert stale(network) < 1e-5


def test_a_backward_after_the_weight_has_changed_is_an_error() -> None:
    layer = conv(sn())
    ((_, weight),) = spectral_pairs(layer)
    loss = layer(torch.randn(1, *SHAPE, dtype=torch.float64)).sum()
    with torch.no_grad():
        weight.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


# ------------------------------------------------------------------- a shared weight of one's own


class Squared(SharedWeight):
    """The square, with a slope of 10 where it is shared: so one sees which way is taken."""

    def definition(self, weight: Tensor) -> Tensor:
        return weight.square()

    def context(self) -> tuple[Tensor, ...]:
        return (torch.tensor(10.0),)

    def gradient(self, grad: Tensor, normalized: Tensor, *context: Tensor) -> Tensor:
        assert torch.equal(normalized, self.normalized)
        (factor,) = context
        return factor * grad


def squared() -> tuple[Squared, nn.Parameter]:
    """One whose shared weight is of the present weight."""
    weight = nn.Parameter(torch.tensor([1.0, -3.0]))
    module = Squared(weight)
    module.normalized.copy_(weight.detach().square())
    module.mark_current(weight)
    return module, weight


def is_shared(module: SharedWeight, weight: Tensor) -> bool:
    made: Tensor = module(weight)
    return made.data_ptr() == module.normalized.data_ptr()


def test_the_shared_weight_is_handed_out_with_the_gradient_of_its_module() -> None:
    module, weight = squared()
    made = module(weight)
    assert made.data_ptr() == module.normalized.data_ptr()
    (made * torch.tensor([1.0, 0.5])).sum().backward()
    assert weight.grad is not None
    assert weight.grad.tolist() == [10.0, 5.0]


def test_a_gradient_that_is_differentiated_itself_is_that_of_the_definition() -> None:
    module, weight = squared()
    (gradient,) = torch.autograd.grad(module(weight).sum(), weight, create_graph=True)
    assert gradient.tolist() == [2.0, -6.0]
    (second,) = torch.autograd.grad(gradient.sum(), weight)
    assert second.tolist() == [2.0, 2.0]


def test_where_no_gradient_is_taken_the_shared_weight_has_none() -> None:
    module, weight = squared()
    with torch.no_grad():
        assert is_shared(module, weight)
        assert not module(weight).requires_grad
    weight.requires_grad_(False)
    assert is_shared(module, weight)
    assert not module(weight).requires_grad


def test_before_anything_is_declared_current_and_for_any_other_tensor_the_definition_holds() -> (
    None
):
    module, weight = squared()
    assert is_shared(module, weight)
    assert not is_shared(module, weight.detach().clone())
    fresh = Squared(weight)
    fresh.normalized.fill_(torch.nan)
    assert fresh(weight).tolist() == [1.0, 9.0]


def test_another_version_is_not_current_until_it_is_declared() -> None:
    module, weight = squared()
    with torch.no_grad():
        weight.add_(1)
    assert not is_shared(module, weight)
    assert module(weight).tolist() == [4.0, 4.0]
    module.normalized.copy_(weight.detach().square())
    assert not is_shared(module, weight)
    module.mark_current(weight)
    assert is_shared(module, weight)


def test_a_tensor_that_counts_no_versions_is_never_shared() -> None:
    with torch.inference_mode():
        weight = torch.full((2,), 3.0)
        module = Squared(weight)
        module.mark_current(weight)
        assert module(weight).tolist() == [9.0, 9.0]
        assert not is_shared(module, weight)


def test_a_copy_starts_anew_and_the_original_goes_on() -> None:
    module, weight = squared()
    other, its = copy.deepcopy((module, weight))
    assert not is_shared(other, its)
    assert is_shared(module, weight)
    module.to(torch.float64)
    assert not is_shared(module, weight)


def test_the_shared_weight_is_not_kept_in_checkpoints() -> None:
    assert not squared()[0].state_dict()


def test_shared_weights_are_found_in_order_each_with_its_parameter() -> None:
    inner = nn.Linear(3, 3)
    layers = nn.Sequential(nn.Linear(2, 3), nn.Sequential(inner), nn.Linear(3, 1))
    assert not shared_weights(layers)
    for layer in (layers[2], layers[0]):
        parametrize.register_parametrization(layer, "weight", Squared(used(layer)))
    parametrize.register_parametrization(inner, "weight", nn.Tanh())
    pairs = shared_weights(layers)
    assert [weight.shape for _, weight in pairs] == [(3, 2), (1, 3)]
    assert [weight is parameter_of(layers[k]) for (_, weight), k in zip(pairs, (0, 2), strict=True)]
    assert all(isinstance(module, Squared) for module, _ in pairs)


def test_the_parameter_of_a_layer_is_its_weight_or_what_that_is_made_of() -> None:
    layer = nn.Linear(2, 3)
    weight = layer.weight
    assert parameter_of(layer) is weight
    parametrize.register_parametrization(layer, "bias", nn.Tanh())
    assert parameter_of(layer) is weight
    parametrize.register_parametrization(layer, "weight", Squared(weight))
    assert parameter_of(layer) is layer.get_parameter("parametrizations.weight.original")


def test_within_autocast_norms_are_taken_without_it() -> None:
    x = torch.ones(2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        with without_autocast(x):
            assert (x @ x).dtype == torch.float32
        assert (x @ x).dtype == torch.bfloat16
        with without_autocast(x.to("meta")):
            assert (x @ x).dtype == torch.bfloat16  # that of another device stays
    with without_autocast(x):
        assert (x @ x).dtype == torch.float32


def test_the_parameter_of_a_weight_made_of_several_is_asked_for_in_vain() -> None:
    layer = parametrizations.weight_norm(nn.Linear(3, 2))
    with pytest.raises(UserError) as caught:
        parameter_of(layer)
    assert str(caught.value) == (
        "the weight of a Linear is made of several parameters, of which none can be drawn, bounded "
        "or penalized in its place; take a norm of this project, such as wn, or no initialization, "
        "clip and orthonormal"
    )
