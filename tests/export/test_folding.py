"""A folded generator is a plain network that makes the images of the one that was trained."""

from __future__ import annotations

import copy
import json

import pytest
import torch

from gan_lightning.export.folding import described, folded_copy
from gan_lightning.networks import CNNGenerator, ConditionalCNNGenerator
from gan_lightning.normalization import Projection
from tests.conftest import same
from tests.export.made import NORMS, SHAPE, images, trained


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("conditional", [False, True])
@pytest.mark.filterwarnings("ignore:.*leaves these weights")
def test_folding_changes_no_image_and_leaves_a_plain_network(norm: str, conditional: bool) -> None:
    made = trained(norm, conditional)
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    modes = [module.training for module in made.modules()]
    wanted = images(made)
    plain = folded_copy(made)
    torch.testing.assert_close(images(plain), wanted, rtol=0, atol=1e-6)
    fresh = (
        ConditionalCNNGenerator(SHAPE, 3, latent_dim=6, width=2)
        if conditional
        else CNNGenerator(SHAPE, latent_dim=6, width=2)
    )
    assert plain.state_dict().keys() == fresh.state_dict().keys()
    assert type(plain.linear) is torch.nn.Linear
    assert all(tensor.is_contiguous() for tensor in plain.state_dict().values())
    # and the generator goes on as if nothing had been
    assert torch.equal(images(made), wanted)
    assert modes == [module.training for module in made.modules()]
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())
    torch.testing.assert_close(images(copy.deepcopy(made)), wanted)


@pytest.mark.parametrize("norm", ["sn", "shared_gamma"])
def test_folding_what_is_folded_changes_nothing(norm: str) -> None:
    plain = folded_copy(trained(norm))
    assert same(folded_copy(plain).state_dict(), plain.state_dict())


def test_a_folded_generator_is_for_evaluation_and_its_own() -> None:
    """What is done to it is not done to the one that goes on training."""
    made = trained("sn").train()
    plain = folded_copy(made)
    assert not any(module.training for module in plain.modules())
    assert not any(parameter.requires_grad for parameter in plain.parameters())
    assert all(parameter.requires_grad for parameter in made.parameters())
    before = images(made)
    for tensor in plain.state_dict().values():
        tensor.zero_()
    assert torch.equal(images(made), before)


def test_bounds_that_only_training_needs_go() -> None:
    made = trained("clip")
    bounds = [
        sum(isinstance(part, Projection) for part in g.modules()) for g in (folded_copy(made), made)
    ]
    assert bounds[0] == 0
    assert bounds[1] > 0


def test_within_lightnings_predictions_it_is_folded_as_elsewhere() -> None:
    """Tensors made in inference mode could not be exported."""
    made = trained("sn")
    with torch.inference_mode():
        plain = folded_copy(made)
    assert not any(tensor.is_inference() for tensor in plain.state_dict().values())
    assert same(plain.state_dict(), folded_copy(made).state_dict())


def test_what_a_program_must_know_is_plain() -> None:
    made = CNNGenerator((3, 8, 16), latent_dim=6, width=2)
    facts = {"image_shape": [3, 8, 16], "latent_dim": 6, "num_classes": None}
    assert described(made) == {**facts, "value_range": [-1.0, 1.0]}
    assert json.loads(json.dumps(described(made))) == described(made)
    assert described(ConditionalCNNGenerator(SHAPE, 3, width=2))["num_classes"] == 3
