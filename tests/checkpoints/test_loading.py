"""A module comes out of a checkpoint as it went in; what is none, or runs something, is refused."""

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
from gan_lightning.checkpoints.loading import UNSAID, keep_sayable, load_module
from gan_lightning.errors import UserError
from gan_lightning.initialization import kaiming, orthogonal
from gan_lightning.losses import wasserstein
from gan_lightning.normalization import bn, bssn, ln, none, wn
from gan_lightning.optim import GANAdam
from tests.checkpoints.made import SMALL, MakesAFolder, Strange, as_of_a_gpu, save, small


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
    return load_module(Module, path, None, (), given)


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


def test_a_file_that_names_no_arguments_is_of_a_class_that_needs_none(tmp_path: Path) -> None:
    module = Module()
    torch.save({"state_dict": module.state_dict(), "extra": 7}, tmp_path / "x.ckpt")
    assert same_weights(loaded(tmp_path / "x.ckpt"), module)


def test_all_that_has_to_be_passed_again_is_asked_for_at_once(tmp_path: Path) -> None:
    module = Module(3, nn.Tanh)
    module.hparams.clear()
    module.hparams[UNSAID] = ["width", "act"]
    path = file_of(module, tmp_path / "x.ckpt")
    with pytest.raises(UserError) as caught:
        loaded(path)
    assert str(caught.value) == (
        f"{path}: its Module was made in Python from objects that a file cannot hold; pass them "
        "again: width=..., act=..."
    )
    with pytest.raises(UserError, match=r"pass them again: act=\.\.\.$"):
        loaded(path, width=3)
    assert same_weights(loaded(path, width=3, act=nn.Tanh), module)


def test_a_package_is_trusted_by_its_name_or_among_others(tmp_path: Path) -> None:
    module = Module(3, nn.Tanh)
    module.hparams["act"] = {"class_path": f"{Strange.__module__}.Strange"}
    path = file_of(module, tmp_path / "x.ckpt")
    for trust in ("tests", ("torch", "tests"), iter(["tests"])):
        assert isinstance(load_module(Module, path, None, trust, {}).act, Strange)
    for other in ("torch", ()):
        with pytest.raises(UserError, match=r"a file may not name tests\."):
            load_module(Module, path, None, other, {})


# -------------------------------------------------------------------------- what torch reads of it


@pytest.fixture
def whole(tmp_path: Path) -> Path:
    return file_of(Module(3), tmp_path / "x.ckpt")


def refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        loaded(path)
    return str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "x.ckpt") == f"there is no checkpoint {tmp_path / 'x.ckpt'}"
    assert refusal(tmp_path) == f"there is no checkpoint {tmp_path}"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "EOFError"),
        (bytes(100), "Weights only load failed. "),
        (b"PK\x03\x04half", "PytorchStreamReader failed reading zip archive: "),
    ],
)
def test_a_damaged_file_is_named_with_what_torch_says_of_it(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path = tmp_path / "x.ckpt"
    path.write_bytes(content)
    start = f"{path} cannot be read as a checkpoint of weights: "
    assert refusal(path).startswith(start + said)
    assert len(refusal(path)) <= len(start) + 200


@pytest.mark.parametrize("content", [[1], torch.zeros(2), {}, {"state_dict": {}}, {"weights": 1}])
def test_a_file_without_weights_is_no_checkpoint(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.ckpt")
    said = f"{tmp_path / 'x.ckpt'} is no checkpoint of gan_lightning: it holds no state_dict"
    assert refusal(tmp_path / "x.ckpt") == said


def test_no_file_runs_what_it_says_whatever_is_set(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the refusal is short, though torch explains at length."""
    content = torch.load(whole)
    torch.save({**content, "extra": MakesAFolder(tmp_path / "made")}, whole)
    for switch in ("0", "1"):
        monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", switch)
        start, _, said = refusal(whole).partition(": ")
        assert start == f"{whole} cannot be read as a checkpoint of weights"
        assert said.startswith("Weights only load failed")
        assert len(said) == 200
    assert not (tmp_path / "made").exists()


def test_what_was_on_a_gpu_is_loaded_where_there_is_none(
    whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    before = loaded(whole)
    after = loaded(as_of_a_gpu(whole))
    assert same_weights(after, before)
    assert after.device == torch.device("cpu")


def test_where_weights_go_is_said_as_to_torch(whole: Path) -> None:
    """By a function of what was saved and where it was, by a table of places, or by a place."""
    places: list[str] = []

    def noted(storage: object, place: str) -> object:
        places.append(place)
        return storage

    before = loaded(whole)
    for choice in (noted, {"cuda:0": "cpu"}, "cpu", torch.device("cpu")):
        assert same_weights(load_module(Module, as_of_a_gpu(whole), choice, (), {}), before)
    assert places == ["cuda:0"] * 2  # weight and bias


def test_a_module_goes_where_its_weights_went(whole: Path) -> None:
    """With all else that it has; here to a device that holds no numbers."""

    class Numberless(Module):
        def load_state_dict(self, *args: Any, **kwargs: Any) -> None:
            """There are none to take."""

    module = load_module(Numberless, whole, "meta", (), {})
    assert {p.device.type for p in module.parameters()} == {"meta"}
