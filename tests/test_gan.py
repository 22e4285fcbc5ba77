"""The module itself: its arguments, its optimizers, what it saves, loads, makes and refuses."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from gan_lightning import GAN
from gan_lightning.data import digits
from gan_lightning.errors import TrainingDiverged, UserError
from gan_lightning.gan import AVERAGE
from gan_lightning.networks import (
    CNNDiscriminator,
    CNNGenerator,
    ConditionalCNNGenerator,
    ProjectionCNNDiscriminator,
)
from gan_lightning.normalization import sn
from gan_lightning.optim import LinearDecay
from tests.conftest import Gan, bare_trainer, same
from tests.networks.made import lively

SHAPE = (1, 8, 8)


def small(**options: Any) -> GAN:
    networks = {
        "generator": partial(CNNGenerator, latent_dim=3, width=1),
        "discriminator": partial(CNNDiscriminator, width=1),
    }
    torch.manual_seed(0)
    return GAN(SHAPE, **{**networks, **options})


def conditional() -> GAN:
    return small(
        generator=partial(ConditionalCNNGenerator, latent_dim=3, width=1),
        discriminator=partial(ProjectionCNNDiscriminator, width=1),
        num_classes=3,
    )


@pytest.mark.parametrize(
    ("argument", "least"),
    [("n_dis", 1), ("generator_batch_size", 1), ("iterations_per_batch", 0)],
)
def test_counts_below_what_makes_sense_are_refused(argument: str, least: int) -> None:
    small(**{argument: least})
    said = f"^{argument} must be an integer >= {least}, got {least - 1}$"
    with pytest.raises(UserError, match=said):
        small(**{argument: least - 1})


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_what_an_optimizer_refuses_is_found_when_the_module_is_made(network: str) -> None:
    argument = f"{network}_optimizer"
    with pytest.raises(UserError, match=rf"^{argument} is refused: .*rate: -1"):
        small(**{argument: partial(torch.optim.SGD, lr=-1)})


def test_each_network_has_its_optimizer_and_schedule_the_generator_first() -> None:
    model = small(
        generator_optimizer=partial(torch.optim.SGD, lr=0.5),
        discriminator_optimizer=partial(torch.optim.Adam, lr=0.25),
        discriminator_schedule=partial(LinearDecay, end=5),
    )
    optimizers, schedules = model.configure_optimizers()
    assert [type(optimizer) for optimizer in optimizers] == [torch.optim.SGD, torch.optim.Adam]
    for optimizer, network in zip(optimizers, (model.generator, model.discriminator), strict=True):
        held = [id(p) for group in optimizer.param_groups for p in group["params"]]
        assert held == [id(p) for p in network.parameters()]
    (schedule,) = schedules
    assert schedule["scheduler"].optimizer is optimizers[1]
    assert schedule["interval"] == "step"
    assert small().configure_optimizers()[1] == []


def test_a_gan_has_classes_as_its_networks_do() -> None:
    assert conditional().is_conditional
    assert not small().is_conditional
    assert not small(num_classes=3).is_conditional  # of the data; these networks take none


@pytest.mark.parametrize(("asked", "made"), [(0, 1), (1, 1), (4, 4)])
def test_a_training_step_without_a_graph_is_an_iteration_unless_more_are_asked_for(
    tmp_path: Path, asked: int, made: int
) -> None:
    model = small(iterations_per_batch=asked)
    model.trainer = bare_trainer(tmp_path)
    assert model.iterations_per_batch == made


class Data:
    """Data of some value range."""

    def __init__(self, value_range: tuple[float, float]) -> None:
        self.value_range = value_range


def test_pixels_of_another_range_are_refused_before_anything_runs(tmp_path: Path) -> None:
    model = small()
    trainer: Any = bare_trainer(tmp_path)
    model.trainer = trainer
    model.setup("fit")  # without data to compare with
    trainer.datamodule = Data((-1.0, 1.0))
    model.setup("fit")
    trainer.datamodule = Data((0.0, 1.0))
    said = r"^generator makes pixels in \(-1.0, 1.0\), but the data have them in \(0.0, 1.0\)"
    with pytest.raises(UserError, match=said):
        model.setup("predict")


def test_images_are_those_of_the_generator() -> None:
    model = small().eval()
    z = torch.randn(4, 3)
    assert torch.equal(model(z), model.generator(z))
    with_classes = conditional().eval()
    y = torch.tensor([0, 1, 2, 0])
    assert torch.equal(with_classes(z, y), with_classes.generator(z, y))


def test_classes_of_samples_come_in_turn() -> None:
    model = conditional()
    lively(model.generator)
    mixed = model.sample(4, seed=2, classes=[2, 0])
    assert torch.equal(mixed[::2], model.sample(4, seed=2, classes=[2])[::2])
    assert torch.equal(mixed[1::2], model.sample(4, seed=2, classes=[0])[1::2])
    turned = model.sample(4, seed=2, classes=[0, 2])
    assert not any(torch.equal(one, other) for one, other in zip(mixed, turned, strict=True))
    assert torch.equal(model.sample(4), model.sample(4, classes=[0, 1, 2]))


def test_a_moving_average_makes_images_only_where_there_is_one() -> None:
    model = small()
    assert model.used_generator(ema=False) is model.generator
    with pytest.raises(UserError, match="there is none here"):
        model.used_generator(ema=True)
    state = copy.deepcopy(model.generator.state_dict())
    model.generator_average = {k: v + 1 for k, v in state.items() if v.is_floating_point()}
    average = model.used_generator(ema=True)
    assert average is not model.generator
    for name, value in model.generator_average.items():
        assert torch.equal(average.state_dict()[name], value)
    assert same(dict(model.generator.state_dict()), dict(state))


def saved(model: GAN) -> dict[str, Any]:
    """What the module adds to its weights."""
    checkpoint: dict[str, Any] = {"state_dict": model.state_dict()}
    model.on_save_checkpoint(checkpoint)
    return checkpoint


def test_the_moving_average_goes_into_a_checkpoint_and_comes_out(tmp_path: Path) -> None:
    model, other = small(), small()
    for each in (model, other):
        each.trainer = bare_trainer(tmp_path)
    assert AVERAGE not in saved(model)
    model.generator_average = {"a": torch.ones(2)}
    other.on_load_checkpoint(saved(model))
    assert same(other.generator_average, model.generator_average)
    model.generator_average = {}
    other.on_load_checkpoint(saved(model))
    assert other.generator_average == {}  # not that of the checkpoint before


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    model = small()
    model.trainer = bare_trainer(tmp_path)
    with pytest.raises(UserError, match="another architecture"):
        small(discriminator=partial(CNNDiscriminator, width=2)).on_load_checkpoint(saved(model))


def test_weights_that_are_zero_are_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    model = small(norm=sn())
    model.trainer = bare_trainer(tmp_path)
    model.require_finite()
    assert "exactly zero" not in caplog.text
    with torch.no_grad():
        for parameter in model.discriminator.parameters():
            parameter.zero_()
    for _ in range(2):
        model.require_finite()
    told = [message for message in caplog.messages if "is exactly zero" in message]
    assert len(told) == len({*told}) > 1
    assert all("in CNNDiscriminator is exactly zero after iteration 0" in said for said in told)


def test_only_training_refuses_to_save_what_has_diverged(tmp_path: Path) -> None:
    model = small()
    trainer: Any = bare_trainer(tmp_path)
    model.trainer = trainer
    trainer.strategy.connect(model)
    with torch.no_grad():
        next(model.generator.parameters()).fill_(torch.nan)
    saved(model)
    trainer.state.fn = "fit"
    with pytest.raises(TrainingDiverged, match="are NaN or infinite"):
        saved(model)


def test_load_from_checkpoint_and_sample(gan: Gan, tmp_path: Path) -> None:
    trained = gan("--model.generator_optimizer.lr", "0.05").model
    loaded = GAN.load_from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    images = loaded.sample(5, seed=3)
    assert images.shape == (5, 1, 16, 16)
    assert images.dtype == torch.uint8
    assert torch.equal(images, trained.sample(5, seed=3))
    assert torch.equal(images[:2], loaded.sample(2, seed=3))
    assert not torch.equal(images, loaded.sample(5, seed=4))
    with pytest.raises(UserError, match=">= 1"):
        loaded.sample(0)


def test_a_model_built_in_python_is_saved_and_loaded(tmp_path: Path) -> None:
    def build() -> dict[str, Any]:
        return {
            "image_shape": (1, 16, 16),
            "generator": lambda shape: CNNGenerator(shape, 6, width=2),
            "discriminator": lambda shape: CNNDiscriminator(shape, width=2),
        }

    model = GAN(**build())
    lively(model.generator)
    trainer = bare_trainer(tmp_path, max_steps=2)
    trainer.fit(model, datamodule=digits(batch_size=4))
    trainer.save_checkpoint(tmp_path / "mine.ckpt")
    torch.load(tmp_path / "mine.ckpt", weights_only=True)
    loaded = GAN.load_from_checkpoint(tmp_path / "mine.ckpt", **build())
    assert torch.equal(loaded.sample(3), model.sample(3))
    assert len(model.sample(3).unique()) > 100


def test_sampling_disturbs_nothing(gan: Gan) -> None:
    model = gan("--trainer.max_steps", "2").model.train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = torch.get_rng_state()
    model.sample(3)
    assert model.generator.training
    assert torch.equal(torch.get_rng_state(), state)
    assert same(dict(model.state_dict()), before)


def test_a_generator_of_another_value_range_is_refused(
    gan: Gan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CNNGenerator, "value_range", (0.0, 1.0))
    with pytest.raises(
        UserError, match=r"pixels in \(0.0, 1.0\), but the data have them in \(-1.0"
    ):
        gan()
