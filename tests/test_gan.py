"""The module itself: its arguments, its optimizers, what it saves, loads and refuses."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_lightning import GAN
from gan_lightning.errors import TrainingDiverged, UserError
from gan_lightning.gan import AVERAGE
from gan_lightning.initialization import Initialization
from gan_lightning.losses import Objective, began, hinge, wasserstein
from gan_lightning.networks import AutoencoderDiscriminator, CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import none, sn
from gan_lightning.optim import LinearDecay
from gan_lightning.penalties import orthonormal, r1
from tests.checkpoints import made
from tests.checkpoints.made import SMALL, save
from tests.conftest import Gan, bare_trainer, same
from tests.gans import SHAPE, Few, conditional, small


def test_what_is_left_out_is_as_the_papers_have_it() -> None:
    model = small()
    assert model.n_dis == 1
    assert model.generator_batch_size is None
    assert model.seed == 0
    assert model.cuda_graph == "auto"
    assert isinstance(model.objective, hinge)
    assert model.penalties == ()
    assert model.augment is None
    assert model.generator_average == {}
    assert not model.predicts_average


def test_what_is_given_is_kept() -> None:
    penalties = [orthonormal(), r1()]
    objective = wasserstein()
    model = small(objective=objective, penalties=penalties, n_dis=3, seed=4, norm=none())
    assert model.image_shape == SHAPE
    assert model.objective is objective
    assert model.penalties == tuple(penalties)
    assert (model.n_dis, model.seed) == (3, 4)


class Halves(Initialization):
    """Weights of 1/2."""

    def draw_(self, layer: nn.Module, weight: Tensor) -> None:
        """Draws nothing."""
        weight.fill_(0.5)


@pytest.mark.parametrize("which", ["generator", "discriminator"])
def test_each_network_has_its_own_first_weights_and_norm(which: str) -> None:
    """The discriminator's options are those without a name before them."""
    prefix = {"generator": "generator_", "discriminator": ""}[which]
    plain: dict[str, Any] = {"norm": none(), "generator_norm": none()}
    drawn = small(**plain, **{f"{prefix}initialization": Halves()})
    normed = small(**{**plain, f"{prefix}norm": sn()})
    for name in ("generator", "discriminator"):
        layer = next(m for m in getattr(drawn, name).modules() if hasattr(m, "kernel_size"))
        assert bool((layer.weight == 0.5).all()) == (name == which)
        state = getattr(normed, name).state_dict()
        assert any(key.endswith("u0") for key in state) == (name == which)


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


def stateful() -> GAN:
    """One whose objective is a module too."""
    autoencoder = partial(AutoencoderDiscriminator, width=2, hidden=2)
    return small(objective=began(), discriminator=autoencoder, norm=none())


def test_an_objective_with_state_of_its_own_is_part_of_the_module() -> None:
    """And is taken without a warning, though Lightning has one for modules among the arguments."""
    kept = {key.partition(".")[0] for key in stateful().state_dict()}
    assert kept == {"generator", "discriminator", "objective"}


def test_saved_arguments_are_what_a_file_can_say() -> None:
    saved = stateful().hparams
    assert saved["objective"]["class_path"] == "gan_lightning.losses.began"
    assert (saved["image_shape"], saved["n_dis"], saved["seed"]) == (SHAPE, 1, 0)
    assert "generator_optimizer" not in saved  # a default, which comes back by itself


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


def written(path: Path, **arguments: Any) -> Path:
    """A checkpoint whose arguments are those that are given here."""
    return save(made.small(), path, image_shape=made.SHAPE, **SMALL, **arguments)


def test_a_checkpoint_makes_the_module_anew(tmp_path: Path) -> None:
    """Whatever it was made with; what is passed comes in place of that."""
    path = written(tmp_path / "x.ckpt", n_dis=3, seed=5)
    again = GAN.load_from_checkpoint(path)
    assert same(dict(again.state_dict()), torch.load(path, weights_only=True)["state_dict"])
    assert (again.n_dis, again.seed) == (3, 5)
    other = GAN.load_from_checkpoint(path, seed=6)
    assert (other.n_dis, other.seed) == (3, 6)


def test_a_subclass_loads_itself(tmp_path: Path) -> None:
    class Mine(GAN):
        pass

    assert type(Mine.load_from_checkpoint(written(tmp_path / "x.ckpt"))) is Mine


def test_where_tensors_go_is_asked_of_the_map_location(tmp_path: Path) -> None:
    asked: list[str] = []

    def here(storage: Any, location: str) -> Any:  # noqa: ANN401  (torch's own storages)
        asked.append(location)
        return storage

    GAN.load_from_checkpoint(written(tmp_path / "x.ckpt"), here)
    assert {*asked} == {"cpu"}


@pytest.mark.parametrize("trust", ["mine", ["other", "mine"]])
def test_a_package_is_used_where_it_is_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trust: str | list[str]
) -> None:
    package = tmp_path / "mine.py"
    package.write_text("from gan_lightning.losses import hinge\n\n\nclass mine(hinge):\n    pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    path = written(tmp_path / "x.ckpt", objective={"class_path": "mine.mine"})
    with pytest.raises(UserError, match=r"mine\.mine"):
        GAN.load_from_checkpoint(path)
    objective: Objective = GAN.load_from_checkpoint(path, trust=trust).objective
    assert type(objective).__name__ == "mine"


def test_saved_arguments_and_passed_ones_make_a_model_built_in_python(tmp_path: Path) -> None:
    def build() -> dict[str, Any]:
        return {
            "generator": lambda shape: CNNGenerator(shape, 6, width=2),
            "discriminator": lambda shape: CNNDiscriminator(shape, width=2),
        }

    model = small(**build())
    trainer = bare_trainer(tmp_path, max_steps=2, limit_val_batches=0)
    trainer.fit(model, datamodule=Few(2))
    trainer.save_checkpoint(tmp_path / "mine.ckpt")
    torch.load(tmp_path / "mine.ckpt", weights_only=True)
    loaded = GAN.load_from_checkpoint(tmp_path / "mine.ckpt", **build())
    assert same(dict(loaded.state_dict()), dict(model.state_dict()))
    assert torch.equal(loaded.sample(3), model.sample(3))


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


def test_a_run_is_loaded_and_sampled(gan: Gan, tmp_path: Path) -> None:
    trained = gan("--model.generator_optimizer.lr", "0.05").model
    loaded = GAN.load_from_checkpoint(tmp_path / "run" / "checkpoints" / "last.ckpt")
    assert torch.equal(loaded.sample(5, seed=3), trained.sample(5, seed=3))
