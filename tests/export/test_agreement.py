"""Nothing is exported that makes other images than the generator that was trained."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.export.agreement import BATCHES, TOLERANCE, require_agreement
from gan_lightning.export.folding import folded_copy
from gan_lightning.images import generate_from
from gan_lightning.networks import CNNGenerator
from tests.export.made import SHAPE, trained


def test_an_export_of_other_images_is_refused() -> None:
    made = trained("sn")
    assert require_agreement(made, folded_copy(made), "x") < 1e-6
    off = folded_copy(made)
    assert isinstance(off, CNNGenerator)
    with torch.no_grad():
        off.linear.bias.add_(1e-2)
    with pytest.raises(UserError, match=r"nothing was written to x: .* differ by"):
        require_agreement(made, off, "x")
    with pytest.raises(UserError, match="differ"):
        require_agreement(made, lambda z: torch.full((len(z), *SHAPE), torch.nan), "x")


@pytest.mark.parametrize("sign", [1, -1])
def test_the_largest_difference_is_told(sign: int) -> None:
    made = trained("sn")
    small = require_agreement(made, lambda z: generate_from(made, z) + sign * 5e-6, "x")
    assert small == pytest.approx(5e-6, rel=0.05)
    with pytest.raises(UserError, match=f"differ by 2e-05 .* where {TOLERANCE:g} is allowed"):
        require_agreement(made, lambda z: generate_from(made, z) + sign * 2e-5, "x")


@pytest.mark.parametrize("count", BATCHES)
def test_one_pixel_of_one_number_of_images_is_enough(count: int) -> None:
    made = trained("none")

    def off(z: Tensor) -> Tensor:
        images = generate_from(made, z)
        images[-1, -1, -1, -1] += 3e-5 * (len(z) == count)
        return images

    with pytest.raises(UserError, match="differ by 3e-05"):
        require_agreement(made, off, "x")


def test_the_largest_difference_of_any_number_of_images_counts() -> None:
    """A program that is better with several images is as good as it is with one."""
    made = trained("none")
    offsets = {1: 6e-6, 7: 1e-6}
    found = require_agreement(made, lambda z: generate_from(made, z) + offsets[len(z)], "x")
    assert found == pytest.approx(6e-6, rel=0.05)


def test_images_of_another_shape_are_refused() -> None:
    made = trained("none")
    with pytest.raises(UserError, match="differ by inf"):
        require_agreement(made, lambda z: generate_from(made, z)[:1], "x")
    with pytest.raises(UserError, match="differ by inf"):
        require_agreement(made, lambda z: generate_from(made, z).flatten(1), "x")


def test_a_program_that_makes_the_same_of_all_latents_is_refused() -> None:
    made = trained("none")
    with pytest.raises(UserError, match="differ"):
        require_agreement(made, lambda z: generate_from(made, 0 * z), "x")


def test_a_program_is_asked_for_classes_if_the_generator_has_some() -> None:
    made = trained("sn", conditional=True)
    assert require_agreement(made, lambda z, y: generate_from(made, z, (y,)), "x") == 0
    with pytest.raises(UserError, match="differ"):
        require_agreement(made, lambda z, y: generate_from(made, z, (0 * y,)), "x")


def test_the_generator_that_goes_on_training_is_left_as_it_was() -> None:
    made = trained("sn").train()
    before = {name: tensor.clone() for name, tensor in made.state_dict().items()}
    require_agreement(made, folded_copy(made), "x")
    assert made.training
    assert all(torch.equal(before[name], tensor) for name, tensor in made.state_dict().items())
