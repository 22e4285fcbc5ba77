"""A module's arguments go into a checkpoint as far as a file can say them, and come back."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule
from torch import nn

from gan_lightning import GAN
from gan_lightning.checkpoints.loading import UNSAID, keep_sayable, load
from gan_lightning.errors import UserError
from gan_lightning.initialization import kaiming, orthogonal
from gan_lightning.losses import wasserstein
from gan_lightning.normalization import bn, bssn, ln, none, wn
from gan_lightning.optim import GANAdam
from tests.checkpoints.made import SMALL, save, small


@pytest.mark.runs
def test_files_that_are_no_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "x.ckpt"
    with pytest.raises(UserError, match="there is no checkpoint"):
        GAN.load_from_checkpoint(path)
    for content in (b"", b"text", b"PK\x03\x04half"):
        path.write_bytes(content)
        with pytest.raises(UserError, match="cannot be read"):
            GAN.load_from_checkpoint(path)
    torch.save({"weights": torch.zeros(1)}, path)
    with pytest.raises(UserError, match="no state_dict"):
        GAN.load_from_checkpoint(path)


@pytest.mark.runs
def test_what_is_passed_is_not_asked_of_the_file(tmp_path: Path) -> None:
    path = save(small(norm=none()), tmp_path / "x.ckpt", norm="stranger.norm", n_dis=3)
    assert GAN.load_from_checkpoint(path, norm=none()).n_dis == 3


def same_weights(one: nn.Module, two: nn.Module) -> bool:
    mine, other = one.state_dict(), two.state_dict()
    return mine.keys() == other.keys() and all(torch.equal(mine[k], other[k]) for k in mine)


SAYABLE: list[dict[str, Any]] = [
    {},
    {"norm": bssn(1.4), "n_dis": 2},
    {"objective": wasserstein(), "generator_norm": bssn(0.7)},
    {"initialization": kaiming(1.5, a=0.2), "generator_initialization": orthogonal(), "norm": wn()},
    {"norm": bn(), "generator_norm": ln()},
    {"generator_optimizer": partial(GANAdam, lr=3e-4), "norm": none()},
    {"discriminator_optimizer": torch.optim.SGD, "seed": 5},
]


@pytest.mark.runs
@pytest.mark.parametrize("arguments", SAYABLE, ids=lambda a: ",".join(a) or "defaults")
def test_a_gan_made_in_python_comes_back(arguments: dict[str, Any], tmp_path: Path) -> None:
    torch.manual_seed(1)
    module = small(**arguments)
    path = save(module, tmp_path / "x.ckpt")
    again = GAN.load_from_checkpoint(path)
    assert same_weights(module, again)
    assert type(again.objective) is type(module.objective)
    assert (again.n_dis, again.seed) == (module.n_dis, module.seed)
    made = (gan.configure_optimizers()[0] for gan in (module, again))
    for one, two in zip(*made, strict=True):
        assert type(one) is type(two)
        assert one.defaults == two.defaults
    assert torch.equal(module.sample(2), again.sample(2))
    third = GAN.load_from_checkpoint(save(again, tmp_path / "y.ckpt"))  # and once more
    assert same_weights(module, third)


@pytest.mark.runs
def test_what_a_file_cannot_say_has_to_be_passed_again(tmp_path: Path) -> None:
    def mine(layer: nn.Module) -> nn.Module:
        return layer

    path = save(small(norm=mine, objective=wasserstein()), tmp_path / "x.ckpt")
    with pytest.raises(UserError, match=r"pass them again: norm=\.\.\.$"):
        GAN.load_from_checkpoint(path)
    assert isinstance(GAN.load_from_checkpoint(path, norm=mine).objective, wasserstein)


@pytest.mark.runs
def test_another_architecture_is_told(tmp_path: Path) -> None:
    path = save(small(), tmp_path / "x.ckpt", **SMALL)
    wider = dict(SMALL["discriminator"]) | {"init_args": {"width": 2}}
    assert same_weights(GAN.load_from_checkpoint(path), small()) is False  # other first weights
    save(small(), path, discriminator=wider)
    with pytest.raises(UserError, match="another architecture"):
        GAN.load_from_checkpoint(path)


class Sized:
    """Keeps its arguments as attributes of their names."""

    def __init__(self, size: int = 3, name: str = "x") -> None:
        self.size, self.name = size, name


class Hidden:
    """Keeps its argument under another name."""

    def __init__(self, size: int = 3) -> None:
        self._size = size


class Doubling:
    """Keeps something else under its argument's name."""

    def __init__(self, size: int = 3) -> None:
        self.size = 2 * size


class Changed(Sized):
    """Has grown since it was made."""

    def __init__(self, size: int = 3, name: str = "x") -> None:
        super().__init__(size, name)
        self.grown = size if size != 5 else object()


class Weighted(nn.Module):
    """A module whose weights are in the checkpoint already."""

    def __init__(self, width: int = 2) -> None:
        super().__init__()
        self.width = width
        self.layer = nn.Linear(width, 1)
        self.register_buffer("count", torch.zeros(1))


SIZED = Sized(7)


class Owner:
    """Takes anything."""

    def __init__(self, made: object) -> None:
        self.made = made


def owner(
    plain: object = 1, made: object = SIZED, factory: object = Sized, other: object = None
) -> None:
    """Has defaults that a file cannot say, and one that it can."""


def kept(**arguments: object) -> dict[str, Any]:
    """What a file says of arguments of `owner`."""
    keep_sayable(owner, arguments)  # type: ignore[arg-type]  # a function has a signature too
    return arguments


PATH = f"{Sized.__module__}."
PLAIN = [None, 1, 0.5, "x", True, (1, 2), [1, [2]], {"a": {"b": None}}]
SAID: list[tuple[object, dict[str, Any]]] = [
    (Sized, {"class_path": f"{PATH}Sized"}),
    (partial(Sized), {"class_path": f"{PATH}Sized"}),
    (partial(Sized, size=4), {"class_path": f"{PATH}Sized", "init_args": {"size": 4}}),
    (Sized(4), {"class_path": f"{PATH}Sized", "init_args": {"size": 4, "name": "x"}}),
    (Changed(4), {"class_path": f"{PATH}Changed", "init_args": {"size": 4, "name": "x"}}),
    (Weighted(4), {"class_path": f"{PATH}Weighted", "init_args": {"width": 4}}),
    (nn.ReLU, {"class_path": "torch.nn.modules.activation.ReLU"}),
]
UNSAYABLE = {
    "a function": len,
    "a lambda": lambda: 0,
    "a partial of a function": partial(len),
    "a partial with places": partial(Sized, 4),
    "a partial of no plain values": partial(Owner, made=SIZED),
    "another name": Hidden(),
    "another value": Doubling(),
    "more than its arguments say": Changed(5),
    "a list of objects": [SIZED],
    "an object of objects": Owner(SIZED),
    "of a class that does not say what its arguments are": torch.zeros(1),
}


@pytest.mark.parametrize("value", PLAIN, ids=str)
def test_plain_values_stay_as_they_are(value: object) -> None:
    assert kept(other=value) == {"other": value}


@pytest.mark.parametrize(("value", "said"), SAID, ids=lambda value: str(value)[:40])
def test_what_can_be_made_again_from_its_arguments_becomes_its_class_path(
    value: object, said: dict[str, Any]
) -> None:
    assert kept(other=value) == {"other": said}


@pytest.mark.parametrize("what", UNSAYABLE)
def test_of_what_a_file_cannot_say_the_name_alone_is_kept(what: str) -> None:
    assert kept(plain=5, other=UNSAYABLE[what]) == {"plain": 5, UNSAID: ["other"]}


def test_a_class_that_was_defined_inside_a_function_cannot_be_said() -> None:
    class Local(Sized):
        """Has no import path."""

    for value in (Local, partial(Local), Local()):
        assert kept(other=value) == {UNSAID: ["other"]}


def test_defaults_come_back_by_themselves() -> None:
    """The object itself, not an equal one; a plain one is kept, for the default may change."""
    assert kept(plain=1, made=SIZED, factory=Sized) == {"plain": 1}
    assert "made" in kept(made=Sized(7))


def test_all_that_cannot_be_said_is_named_in_its_order() -> None:
    assert kept(plain=len, made=len, factory=Sized, other=len)[UNSAID] == ["plain", "made", "other"]


class Module(LightningModule):
    """Keeps what it was made with."""

    def __init__(self, width: int = 2, act: Callable[..., nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.save_hyperparameters(logger=False)
        keep_sayable(type(self), self.hparams)
        self.layer, self.act, self.asked = nn.Linear(width, 1), act(), [width]

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Sees all of the file."""
        self.asked.append(checkpoint["extra"])


def file_of(module: Module, path: Path) -> Path:
    content = {"state_dict": module.state_dict(), "hyper_parameters": dict(module.hparams)}
    torch.save({**content, "extra": 7}, path)
    return path


def loaded(path: Path, **given: Any) -> Module:
    return load(Module, path, None, (), given)


def test_a_module_of_any_class_comes_back_with_its_weights(tmp_path: Path) -> None:
    module = Module(3, nn.Tanh)
    again = loaded(file_of(module, tmp_path / "x.ckpt"))
    assert same_weights(module, again)
    assert isinstance(again.act, nn.Tanh)
    assert again.asked == [3, 7]
    assert again.hparams == module.hparams


def test_what_is_passed_takes_the_place_of_what_the_file_says(tmp_path: Path) -> None:
    path = file_of(Module(3, nn.Tanh), tmp_path / "x.ckpt")
    assert isinstance(loaded(path, act=nn.GELU).act, nn.GELU)
    with pytest.raises(RuntimeError, match="size mismatch"):
        loaded(path, width=4)


def test_where_all_is_passed_nothing_is_asked_of_the_file(tmp_path: Path) -> None:
    module = Module(3, nn.Tanh)
    path = file_of(module, tmp_path / "x.ckpt")
    again = loaded(path, width=3, act=nn.GELU)
    assert same_weights(module, again)
    assert isinstance(again.act, nn.GELU)


def test_each_argument_that_has_to_be_passed_again_is_named(tmp_path: Path) -> None:
    path = file_of(Module(3, lambda: nn.Tanh()), tmp_path / "x.ckpt")
    with pytest.raises(UserError) as caught:
        loaded(path)
    assert str(caught.value).startswith(f"{path}: its Module was made in Python from objects that")
    assert str(caught.value).endswith("; pass them again: act=...")
    assert isinstance(loaded(path, act=nn.GELU).act, nn.GELU)


def test_a_mistake_in_a_file_names_the_file(tmp_path: Path) -> None:
    module = Module(3)
    module.hparams["width"] = "wide"
    path = file_of(module, tmp_path / "x.ckpt")
    with pytest.raises(UserError, match=f"^{re.escape(str(path))}: ") as caught:
        loaded(path)
    assert "\n" not in str(caught.value)
