"""What is looked up when training starts, and then holds for all its iterations."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor

from gan_lightning import GAN
from gan_lightning.augmentation import DiffAugment
from gan_lightning.errors import UserError
from gan_lightning.loop import require_known_strategy
from gan_lightning.losses import auxiliary, hinge
from gan_lightning.networks import AuxiliaryCNNDiscriminator, CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import none
from gan_lightning.penalties import r1
from tests.conftest import bare_trainer
from tests.gans import Few, conditional, small, trained


class Coupled(CNNDiscriminator):
    """Judges an image by how far it is from the batch's mean, and does not say so."""

    def forward(self, images: Tensor) -> Tensor:
        return super().forward(images - images.mean(0))


class FromBlack(CNNGenerator):
    """Whose black is 0."""

    value_range = (0.0, 1.0)


class FewFromBlack(Few):
    value_range = (0.0, 1.0)


def started(model: GAN, folder: Path) -> GAN:
    return trained(model, folder, 1)


def test_generated_images_have_the_real_ones_classes_if_the_objective_wants_them(
    tmp_path: Path,
) -> None:
    critic = partial(AuxiliaryCNNDiscriminator, width=1)
    wanting = conditional(discriminator=critic, objective=auxiliary(hinge()))
    assert started(wanting, tmp_path).drawing.same_labels
    assert not started(conditional(), tmp_path).drawing.same_labels


def test_numbers_for_augmentation_are_drawn_where_there_is_one(tmp_path: Path) -> None:
    assert started(small(), tmp_path).drawing.numbers == 0
    augment = DiffAugment(["translation"])
    assert started(small(augment=augment), tmp_path).drawing.numbers == augment.numbers > 0


@pytest.mark.parametrize("coupled", [False, True])
def test_a_discriminator_that_couples_images_is_found_out(tmp_path: Path, coupled: bool) -> None:
    """Though it does not say so; a penalty of single images is then refused."""
    made = partial(Coupled if coupled else CNNDiscriminator, width=1)
    assert started(small(discriminator=made, norm=none()), tmp_path).player.couples == coupled
    penalized = small(discriminator=made, norm=none(), penalties=[r1()])
    if not coupled:
        started(penalized, tmp_path)
        return
    with pytest.raises(UserError, match=r"^penalties r1 asks how the discriminator's answer"):
        started(penalized, tmp_path)


def test_the_trial_leaves_random_numbers_alone(tmp_path: Path) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    model = small()
    torch.set_rng_state(before)
    started(model, tmp_path)
    assert torch.equal(torch.get_rng_state(), before)


def test_refused_strategies_are_told_what_to_use(tmp_path: Path) -> None:
    class Mine(SingleDeviceStrategy):
        pass

    trainer = bare_trainer(tmp_path, strategy=Mine(torch.device("cpu")))
    with pytest.raises(UserError) as caught:
        require_known_strategy(trainer)
    assert str(caught.value) == (
        "trainer.strategy Mine is not supported: with two networks in turn, gradients are averaged "
        "by this project itself, which it does for ddp and for one process. Use ddp, or one device"
    )


def test_what_the_discriminator_sees_is_in_the_generators_range(tmp_path: Path) -> None:
    """Shifted images are filled up with black, which is the lower end of the range."""
    augment = DiffAugment(["translation"])
    model = small(generator=partial(FromBlack, latent_dim=3, width=1), augment=augment)
    trained(model, tmp_path, 1, FewFromBlack(1))
    images, numbers = torch.ones(4, 1, 8, 8), torch.rand(4, augment.numbers)
    seen = model.view(images, numbers)
    assert torch.equal(seen, augment(images, numbers, value_range=(0.0, 1.0)))
    assert not torch.equal(seen, augment(images, numbers, value_range=(-1.0, 1.0)))
