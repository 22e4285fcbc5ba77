"""The module under a trainer: what it refuses and says before training, and what it trains on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch.strategies import SingleDeviceStrategy
from torch import Tensor

from gan_lightning import GAN
from gan_lightning.augmentation import DiffAugment, as_they_are
from gan_lightning.callbacks import GeneratorAverage
from gan_lightning.data import Batch
from gan_lightning.errors import UserError
from gan_lightning.initialization import lecun
from gan_lightning.losses import wasserstein
from gan_lightning.networks import CNNGenerator
from gan_lightning.normalization import clip, gamma, none, sn
from gan_lightning.penalties import orthonormal
from tests.conftest import Gan, bare_trainer, same
from tests.gans import CLASSES, Few, conditional, joined, small, still, trained


def weights(model: GAN) -> dict[str, Tensor]:
    return dict(model.state_dict())


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
    trainer.datamodule = object()  # data that do not say
    model.setup("fit")
    trainer.datamodule = Data((0.0, 1.0))
    said = (
        r"^generator makes pixels in \(-1.0, 1.0\), but the data have them in \(0.0, 1.0\); choose "
        r"a generator of that range$"
    )
    with pytest.raises(UserError, match=said):
        model.setup("predict")


def test_a_strategy_that_averages_gradients_in_its_own_way_is_refused(tmp_path: Path) -> None:
    class Mine(SingleDeviceStrategy):
        pass

    with pytest.raises(UserError, match=r"^trainer\.strategy Mine is not supported"):
        trained(small(), tmp_path, 1, strategy=Mine(torch.device("cpu")))


DOUBTFUL: dict[str, dict[str, Any]] = {
    "norm gamma trains a gain": {"norm": gamma(sn())},
    "objective wasserstein means": {"objective": wasserstein(), "norm": none()},
    "norm clip keeps weights within": {"norm": clip(0.1), "penalties": [orthonormal()]},
    "norm sn divides each weight": {"norm": sn(), "initialization": lecun(0.5)},
}


@pytest.mark.parametrize("said", DOUBTFUL)
def test_what_will_hardly_train_is_said_when_training_starts_and_not_before(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, said: str
) -> None:
    caplog.set_level("INFO")
    model = small(**DOUBTFUL[said])
    bare_trainer(tmp_path).predict(model, datamodule=Few(predicted=[[0]]))
    assert "Note: " not in caplog.text
    model.setup("fit")
    (note,) = [message for message in caplog.messages if message.startswith("Note: ")]
    assert note.startswith(f"Note: {said}")


def test_there_is_nothing_to_say_of_the_papers_methods(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    trained(small(), tmp_path, 1)
    assert "Note: " not in caplog.text


@pytest.mark.parametrize(("asked", "made"), [(0, 1), (1, 1), (4, 4)])
def test_a_training_step_without_a_graph_is_an_iteration_unless_more_are_asked_for(
    tmp_path: Path, asked: int, made: int
) -> None:
    model = small(iterations_per_batch=asked)
    model.trainer = bare_trainer(tmp_path)
    assert model.iterations_per_batch == made


def test_a_training_step_with_a_graph_is_ten_iterations_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models = small(), small(cuda_graph="off"), small(iterations_per_batch=4)
    for model in models:
        model.trainer = bare_trainer(tmp_path)
    assert [model.iterations_per_batch for model in models] == [1, 1, 4]
    monkeypatch.setattr("gan_lightning.loop.obstacle", lambda trainer: None)  # as on a GPU
    assert [model.iterations_per_batch for model in models] == [10, 1, 4]


def test_a_graph_is_insisted_on_or_not(tmp_path: Path) -> None:
    for cuda_graph in ("auto", "off"):
        trained(small(cuda_graph=cuda_graph), tmp_path, 1)
    with pytest.raises(UserError, match=r"^cuda_graph on: there is no CUDA device"):
        trained(small(cuda_graph="on"), tmp_path, 1)


@pytest.mark.parametrize("make", [small, conditional])
def test_iterations_of_one_training_step_are_those_of_several(
    tmp_path: Path, make: Callable[..., GAN]
) -> None:
    """Each has its own images and classes, in turn."""
    one = trained(make(), tmp_path, 4)
    two = trained(make(iterations_per_batch=2), tmp_path, 4, joined(Few(4), 2))
    assert same(weights(one), weights(two))


def test_networks_that_take_classes_train_on_those_of_the_data(tmp_path: Path) -> None:
    data = Few(1)
    ((images, labels),) = data.batches
    assert labels is not None
    one = trained(conditional(), tmp_path, 1, data)
    data.batches = [Batch(images, (labels + 1) % CLASSES)]
    assert not same(weights(one), weights(trained(conditional(), tmp_path, 1, data)))


def test_networks_that_take_no_classes_need_none(tmp_path: Path) -> None:
    data = Few(1)
    one = trained(small(), tmp_path, 1, data)
    data.batches = [data.batches[0]._replace(labels=None)]
    assert same(weights(one), weights(trained(small(), tmp_path, 1, data)))


def test_what_is_drawn_depends_on_the_seed(tmp_path: Path) -> None:
    one, again, other = (trained(small(seed=seed), tmp_path, 1) for seed in (1, 1, 2))
    assert same(weights(one), weights(again))
    assert not same(weights(one), weights(other))


def test_images_become_of_the_weights_type(tmp_path: Path) -> None:
    """As where a module was made double, and its trainer leaves it so."""
    seen: list[torch.dtype] = []

    def note(network: object, given: tuple[Tensor, ...], made: Tensor) -> None:
        seen.append(given[0].dtype)

    model = small(norm=none()).double()
    model.discriminator.register_forward_hook(note)
    trained(model, tmp_path, 1)
    assert {*seen} == {torch.float64}


@pytest.mark.parametrize("lacking", ["images", "labels"])
def test_what_does_not_suffice_for_all_iterations_is_refused(tmp_path: Path, lacking: str) -> None:
    data = Few(1, images=6)
    four = getattr(data.batches[0], lacking)[:4]
    data.batches = [data.batches[0]._replace(**{lacking: four})]
    with pytest.raises(ValueError, match="shorter"):
        trained(conditional(iterations_per_batch=3), tmp_path, 3, data)


@pytest.mark.parametrize(("asked", "images"), [(None, 4), (3, 3)])
def test_a_generator_update_has_images_of_its_own_where_that_is_asked_for(
    tmp_path: Path, asked: int | None, images: int
) -> None:
    model = small(generator_batch_size=asked)
    sizes: list[int] = []

    def note(network: object, given: tuple[Tensor, ...], made: Tensor) -> None:
        sizes.append(len(made))

    model.generator.register_forward_hook(note)
    trained(model, tmp_path, 1, Few(1, images=4))
    assert sizes[0] == 4
    assert sizes[-1] == images


def test_the_discriminator_sees_what_an_augmentation_makes(tmp_path: Path) -> None:
    images = Few(1).batches[0].images
    assert trained(small(), tmp_path, 1).view is as_they_are
    augment = DiffAugment()
    model = trained(small(augment=augment), tmp_path, 1)
    numbers = torch.rand(len(images), augment.numbers)
    wanted = augment(images, numbers, value_range=(-1.0, 1.0))
    assert torch.equal(model.view(images, numbers), wanted)
    assert not torch.equal(wanted, images)


def test_each_iteration_is_followed(tmp_path: Path) -> None:
    """Also those within a training step."""
    model = small(iterations_per_batch=2)
    followed: list[int] = []
    model.after_each_iteration.append(lambda: followed.append(model.global_step))
    trained(model, tmp_path, 3, joined(Few(3), 2))
    assert followed == [1, 2, 3]


@pytest.mark.parametrize("iterations", [1, 2])
def test_an_average_forgets_where_it_began_by_a_power_of_its_decay(
    tmp_path: Path, iterations: int
) -> None:
    """Of the iterations, however many a training step makes: a d^4 + w (1 - d^4) after four."""
    model = still(iterations_per_batch=iterations)
    still_there = {name: p.detach().clone() for name, p in model.generator.named_parameters()}
    begin = {name: torch.randn_like(weight) for name, weight in still_there.items()}
    model.generator_average = {name: weight.clone() for name, weight in begin.items()}
    data = joined(Few(4), iterations)
    trained(model, tmp_path, 4, data, callbacks=[GeneratorAverage(0.75)])
    forgotten = 1 - 0.75**4
    for name, weight in still_there.items():
        wanted = torch.lerp(begin[name], weight, forgotten)
        torch.testing.assert_close(model.generator_average[name], wanted)


def test_a_generator_of_another_value_range_is_refused(
    gan: Gan, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CNNGenerator, "value_range", (0.0, 1.0))
    with pytest.raises(
        UserError, match=r"pixels in \(0.0, 1.0\), but the data have them in \(-1.0"
    ):
        gan()
