"""What diagnostics look at: a batch of their own, a function of seed and iteration alone."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer
from torch import Tensor

from gan_lightning import GAN
from gan_lightning.callbacks.looking import APART, PURPOSE, numbers, view_of
from gan_lightning.callbacks.trainer_state import image_data
from gan_lightning.data import digits
from gan_lightning.data.base import Split
from gan_lightning.data.prepared import Prepared
from gan_lightning.errors import UserError
from gan_lightning.networks import ConditionalCNNGenerator, ProjectionCNNDiscriminator
from gan_lightning.penalties import gradient_penalty
from gan_lightning.streams import stream
from tests.callbacks import runs
from tests.conftest import bare_trainer, same

Trained = tuple[GAN, Trainer]
DATA = digits(batch_size=4)  # opened once
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """After one iteration; four images at a time, without classes."""
    return fitted(runs.gan(), tmp_path_factory.mktemp("trained"))


@pytest.fixture(scope="module")
def conditional(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """The same with the ten classes of the digits."""
    generator = partial(ConditionalCNNGenerator, latent_dim=8, width=2)
    discriminator = partial(ProjectionCNNDiscriminator, width=2)
    gan = GAN(runs.SHAPE, generator, discriminator, num_classes=10)
    return fitted(gan, tmp_path_factory.mktemp("conditional"))


def fitted(gan: GAN, folder: Path) -> Trained:
    trainer = bare_trainer(folder, max_steps=1, limit_val_batches=0)
    trainer.fit(gan, datamodule=DATA)
    return gan, trainer


class divided(digits):
    """Digits of which the first ten are held out, if they are there."""

    splits = ("train", "test")
    there = True

    def belongs_on_disk(self, split: Split) -> bool:
        return split == "test" and self.there

    def load(self, split: Split) -> Prepared:
        whole = super().load(split)
        assert whole.labels is not None
        part = slice(10, None) if split == "train" else slice(10)
        return Prepared(whole.images[part], whole.labels[part], split)


class incomplete(divided):
    """Without them."""

    there = False


def pixels(data: digits, split: Split, index: np.ndarray) -> Tensor:
    """Images as the networks see them."""
    return torch.from_numpy(data.images(split)[index]).float() / 127.5 - 1


def test_the_batch_is_as_large_as_the_runs_and_addressed_by_seed_and_iteration(
    trained: Trained,
) -> None:
    gan, trainer = trained
    data = image_data(trainer, PURPOSE)
    draw = view_of(gan, trainer, 3).draw
    index = stream(gan.seed + APART, "train images", 3).integers(0, 1797, 4)
    assert isinstance(data, digits)
    assert torch.equal(draw.images, pixels(data, "train", index))
    wanted = gan.generator.latents(4, stream(gan.seed + APART, "latents", 3))
    assert torch.equal(draw.latents, wanted)
    assert draw.mix.shape == (4,)
    assert ((draw.mix >= 0) & (draw.mix < 1)).all()


def test_every_iteration_and_seed_has_a_batch_of_its_own_and_always_the_same(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    gan, trainer = trained
    before = torch.random.get_rng_state()
    batches = [view_of(gan, trainer, step).draw for step in (3, 4)]
    assert same(view_of(gan, trainer, 3).draw, batches[0])
    monkeypatch.setattr(gan, "seed", gan.seed + 1)
    batches.append(view_of(gan, trainer, 3).draw)
    for part in ("images", "latents", "mix"):
        assert len({getattr(draw, part).numpy().tobytes() for draw in batches}) == 3, part
    assert torch.equal(torch.random.get_rng_state(), before)


def test_nothing_that_training_draws_is_looked_at(trained: Trained) -> None:
    gan, trainer = trained
    draw = view_of(gan, trainer, 3).draw
    theirs = replace(gan.drawing, mixed=True).draws(3, draw.images, None)
    assert not torch.equal(theirs.latents[0], draw.latents)
    assert not torch.equal(theirs.mix[0], draw.mix)


def test_the_networks_are_those_in_training(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the objective and the penalties that the discriminator's loss is made of."""
    gan, trainer = trained
    monkeypatch.setattr(gan, "penalties", (gradient_penalty(),))
    view = view_of(gan, trainer, 3)
    assert view.generator is gan.generator
    assert view.discriminator is gan.player
    assert view.objective is gan.objective
    assert view.penalties is gan.penalties


@pytest.mark.parametrize("split", ["train", "test"])
def test_processes_look_at_parts_of_what_one_with_all_images_sees(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, split: str
) -> None:
    gan, trainer = trained

    def looked(world: int, rank: int) -> list[Tensor]:
        monkeypatch.setattr(trainer, "datamodule", divided(batch_size=4 // world))
        monkeypatch.setattr(Trainer, "world_size", world)
        monkeypatch.setattr(Trainer, "global_rank", rank)
        view = view_of(gan, trainer, 5)
        if split == "test":
            assert view.held_out is not None
            return [view.held_out.images]
        return [view.draw.images, view.draw.latents, view.draw.mix]

    whole, first, second = looked(1, 0), looked(2, 0), looked(2, 1)
    for one, *parts in zip(whole, first, second, strict=True):
        assert len(one) == 4
        assert torch.equal(one, torch.cat(parts))


def test_classes_are_those_of_the_images(conditional: Trained) -> None:
    gan, trainer = conditional
    data = image_data(trainer, PURPOSE)
    labels = data.labels()
    assert labels is not None
    draw = view_of(gan, trainer, 2).draw
    index = stream(gan.seed + APART, "train images", 2).integers(0, 1797, 4)
    assert [y.tolist() for y in draw.labels] == [labels[index].tolist()]
    (fake,) = draw.fake_labels
    assert fake.shape == (4,)
    assert set(fake.tolist()) <= set(range(10))


def test_networks_without_classes_are_shown_none(trained: Trained) -> None:
    gan, trainer = trained
    assert image_data(trainer, PURPOSE).labels() is not None
    draw = view_of(gan, trainer, 2).draw
    assert (draw.labels, draw.fake_labels) == ((), ())


@pytest.mark.parametrize("kind", ["trained", "conditional"])
def test_held_out_images_are_of_the_test_split_with_their_classes(
    kind: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    gan, trainer = request.getfixturevalue(kind)
    data = divided(batch_size=6)
    monkeypatch.setattr(trainer, "datamodule", data)
    found = view_of(gan, trainer, 7).held_out
    index = stream(gan.seed + APART, "test images", 7).integers(0, 10, 6)
    assert found is not None
    assert torch.equal(found.images, pixels(data, "test", index))
    labels = data.labels("test")
    assert labels is not None
    expected = [labels[index].tolist()] if kind == "conditional" else []
    assert [y.tolist() for y in found.labels] == expected


@pytest.mark.parametrize("data", [digits, incomplete])
def test_without_a_test_split_on_the_disk_nothing_is_held_out(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, data: type[digits]
) -> None:
    gan, trainer = trained
    monkeypatch.setattr(trainer, "datamodule", data(batch_size=4))
    assert view_of(gan, trainer, 1).held_out is None


def test_a_trainer_without_images_is_told_so(tmp_path: Path, trained: Trained) -> None:
    view = view_of(trained[0], bare_trainer(tmp_path), 1)
    with pytest.raises(UserError, match=f"{PURPOSE} real images, but"):
        view.draw  # noqa: B018  (drawn when it is asked for)


def test_scalars_become_floats_of_their_names_in_their_order() -> None:
    """In double precision: a gradient can vanish below what single precision has."""
    scalars = {
        "b": torch.tensor(1e-300, dtype=torch.float64),
        "a": torch.tensor(0.5, requires_grad=True),
        "c": torch.tensor(3),
    }
    found = numbers(scalars, CPU)
    assert list(found.items()) == [("b", 1e-300), ("a", 0.5), ("c", 3.0)]
    assert all(type(value) is float for value in found.values())


def test_of_several_processes_the_mean_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "gan_lightning.callbacks.looking.average_", lambda tensors: tensors[0].add_(1).div_(2)
    )
    assert numbers({"x": torch.tensor(3.0), "y": torch.tensor(0.0)}, CPU) == {"x": 2.0, "y": 0.5}
