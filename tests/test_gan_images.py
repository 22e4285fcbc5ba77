"""The images that a module makes: sampled and predicted, of which generator, and of which class."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
import torch

from gan_lightning import GAN
from gan_lightning.errors import UserError
from gan_lightning.gan import Predicted
from gan_lightning.normalization import sn
from tests.conftest import bare_trainer, same
from tests.gans import CLASSES, SHAPE, Few, conditional, small, vivid


def averaging(model: GAN) -> GAN:
    """The same with a moving average that makes other images."""
    parameters = model.generator.named_parameters()
    model.generator_average = {name: -tensor.detach() for name, tensor in parameters}
    return model


def predict(
    model: GAN,
    folder: Path,
    *batches: Sequence[int],
    classes: list[int] | None = None,
) -> list[Predicted]:
    """What ``Trainer.predict`` returns, one entry for each batch of numbers."""
    data = Few(predicted=batches, predict_classes=classes)
    made = bare_trainer(folder).predict(model, datamodule=data)
    return made or []  # type: ignore[return-value]  # Lightning knows no more than that it is a list


def test_images_are_those_of_the_generator() -> None:
    model = vivid(small()).eval()
    z = torch.randn(4, 3)
    assert torch.equal(model(z), model.generator(z))
    with_classes = vivid(conditional()).eval()
    y = torch.tensor([0, 1, 2, 0])
    assert torch.equal(with_classes(z, y), with_classes.generator(z, y))


def test_samples_depend_on_their_seed_and_number_alone() -> None:
    model = vivid(small())
    images = model.sample(5, seed=3)
    assert images.shape == (5, *SHAPE)
    assert images.dtype == torch.uint8
    assert torch.equal(images[:2], model.sample(2, seed=3))
    assert not torch.equal(images, model.sample(5, seed=4))
    assert torch.equal(model.sample(5), model.sample(5, seed=0))
    with pytest.raises(UserError, match=">= 1"):
        model.sample(0)


def test_classes_of_samples_come_in_turn() -> None:
    model = vivid(conditional())
    twos, zeros = (model.sample(4, seed=2, classes=[k]) for k in (2, 0))
    mixed = model.sample(4, seed=2, classes=[2, 0])
    assert not torch.equal(twos, zeros)
    assert torch.equal(mixed[::2], twos[::2])
    assert torch.equal(mixed[1::2], zeros[1::2])
    assert torch.equal(model.sample(4), model.sample(4, classes=[0, 1, 2]))


def test_a_moving_average_makes_images_only_where_there_is_one() -> None:
    model = vivid(small())
    assert model.used_generator(ema=False) is model.generator
    said = (
        r"^the moving average of the generator is asked for, but there is none here: train with "
        r"`ema\.decay` 0\.999, say, or leave `ema` out$"
    )
    with pytest.raises(UserError, match=said):
        model.sample(1, ema=True)
    state = {name: tensor.clone() for name, tensor in model.generator.state_dict().items()}
    average = averaging(model).used_generator(ema=True)
    assert average is not model.generator
    for name, value in model.generator_average.items():
        assert torch.equal(average.state_dict()[name], value)
    assert same(dict(model.generator.state_dict()), state)
    present, past = model.sample(4), model.sample(4, ema=True)
    assert not torch.equal(present, past)
    model.generator = average
    assert torch.equal(model.sample(4), past)


def test_sampling_disturbs_nothing() -> None:
    model = averaging(vivid(small(generator_norm=sn()))).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    for ema in (False, True):
        model.sample(3, ema=ema)
    assert all(part.training for part in model.modules())
    assert torch.equal(torch.get_rng_state(), state)
    assert same(dict(model.state_dict()), before)


@pytest.mark.parametrize("seed", [0, 7])
def test_predictions_are_the_samples_of_the_modules_seed(tmp_path: Path, seed: int) -> None:
    """Image k is the same in whatever batch it is asked for, to the rounding of float32."""
    model = vivid(small(seed=seed))
    wanted = model.sample(5, seed=seed)
    first, second = predict(model, tmp_path, [0, 1, 2], [4, 3])
    for made, numbers in ((first, [0, 1, 2]), (second, [4, 3])):
        assert made.images.dtype == torch.uint8
        assert made.images.shape == (len(numbers), *SHAPE)
        assert (made.images.int() - wanted[numbers].int()).abs().max() <= 1
        assert made.labels == ()
    assert not torch.equal(model.sample(5, seed=seed + 1), wanted)


@pytest.mark.parametrize("classes", [None, [2, 0]])
def test_predictions_say_their_classes(tmp_path: Path, classes: list[int] | None) -> None:
    """In turn of the numbers, not of places in a batch."""
    model = vivid(conditional())
    (made,) = predict(model, tmp_path, [1, 3, 4], classes=classes)
    turn = classes or list(range(CLASSES))
    (labels,) = made.labels
    assert labels.tolist() == [turn[number % len(turn)] for number in (1, 3, 4)]
    wanted = model.sample(5, classes=turn)[[1, 3, 4]]
    assert (made.images.int() - wanted.int()).abs().max() <= 1
    assert not torch.equal(model.sample(5, classes=[0, 2]), model.sample(5, classes=[2, 0]))


def test_predictions_need_no_module_of_data(tmp_path: Path) -> None:
    model = vivid(small())
    loader = Few(predicted=[[0, 1]]).predict_dataloader()
    (made,) = bare_trainer(tmp_path).predict(model, loader) or []
    assert isinstance(made, Predicted)
    assert torch.equal(made.images, model.sample(2))


def test_predictions_are_of_the_average_where_that_is_wanted(tmp_path: Path) -> None:
    model = averaging(vivid(small()))
    for ema in (False, True):
        model.predicts_average = ema
        (made,) = predict(model, tmp_path, [0, 1])
        assert torch.equal(made.images, model.sample(2, ema=ema))
    assert not torch.equal(model.sample(2), model.sample(2, ema=True))
    model.generator_average = {}
    with pytest.raises(UserError, match="there is none here"):
        predict(model, tmp_path, [0, 1])
