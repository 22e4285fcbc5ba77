"""Nothing runs from a stranger's file: checkpoints here, configs in tests/cli/test_trust.py."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from gan_lightning import GAN
from gan_lightning.checkpoints.compatible import stamp
from gan_lightning.errors import UserError
from gan_lightning.initialization import kaiming, orthogonal
from gan_lightning.losses import wasserstein
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import bn, bssn, ln, none, wn
from gan_lightning.optim import GANAdam

pytestmark = pytest.mark.runs

SHAPE = (1, 16, 16)
SMALL = {
    "generator": {
        "class_path": "gan_lightning.networks.CNNGenerator",
        "init_args": {"latent_dim": 4, "width": 1},
    },
    "discriminator": {
        "class_path": "gan_lightning.networks.CNNDiscriminator",
        "init_args": {"width": 1},
    },
}
OPTIONS = (
    "norm",
    "generator_norm",
    "initialization",
    "generator_initialization",
    "generator",
    "discriminator",
    "objective",
    "generator_optimizer",
    "discriminator_optimizer",
)


def payloads(mark: Path) -> dict[str, Any]:
    """What would touch the file ``mark``, if it were built."""
    shell = {"class_path": "os.system", "init_args": {"command": f"touch {mark}"}}
    return {
        "shell": shell,
        "shell by name": "os.system",
        "shell as text": f"{{class_path: os.system, init_args: {{command: touch {mark}}}}}",
        "subprocess": {
            "class_path": "subprocess.Popen",
            "init_args": {"args": ["touch", str(mark)]},
        },
        "torch runs commands": {
            "class_path": "torch.utils.collect_env.run",
            "init_args": {"command": f"touch {mark}"},
        },
        "torch makes modules of source": {
            "class_path": "torch.fx.graph_module.reduce_graph_module",
            "init_args": {"body": {"_code": "1"}, "import_block": f"open({str(mark)!r}, 'w')"},
        },
        "torch.hub": {
            "class_path": "torch.hub.load",
            "init_args": {"repo_or_dir": str(mark.parent), "model": "x", "source": "local"},
        },
        "a function of ours": {
            "class_path": "gan_lightning.files.write_whole",
            "init_args": {"path": str(mark), "content": ""},
        },
        "a module of ours imports os": {
            "class_path": "gan_lightning.files.os.system",
            "init_args": {"command": f"touch {mark}"},
        },
        "inside a class of torch": {
            "class_path": "torch.nn.TripletMarginWithDistanceLoss",
            "init_args": {"distance_function": shell},
        },
        "a module beside it": "stranger.norm",
        "a partial": {"class_path": "functools.partial", "init_args": {"func": "os.system"}},
    }


def save(module: GAN, path: Path, **changes: Any) -> Path:
    """Saves what Lightning does of a module, as far as loading reads it."""
    arguments = {**dict(module.hparams), **changes}
    checkpoint = {"state_dict": module.state_dict(), "hyper_parameters": arguments}
    stamp(checkpoint)
    torch.save(checkpoint, path)
    return path


def small(**arguments: Any) -> GAN:
    """A GAN of a few weights."""
    makers: dict[str, Any] = {
        "generator": partial(CNNGenerator, latent_dim=4, width=1),
        "discriminator": partial(CNNDiscriminator, width=1),
    }
    return GAN(SHAPE, **{**makers, **arguments})


@pytest.mark.parametrize("option", OPTIONS)
def test_a_checkpoint_runs_nothing(
    option: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    (tmp_path / "stranger.py").write_text(f"open({str(mark)!r}, 'w')\n")
    (tmp_path / "hubconf.py").write_text(f"open({str(mark)!r}, 'w')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    module = small()
    for name, payload in payloads(mark).items():
        instantiator = {"_instantiator": "lightning.pytorch.cli.instantiate_module"}
        path = save(module, tmp_path / "x.ckpt", **instantiator, **{option: payload})
        with pytest.raises(UserError, match=r"x\.ckpt"):
            GAN.load_from_checkpoint(path)
        assert not mark.exists(), name
        assert "stranger" not in sys.modules


def test_a_pickle_runs_nothing(tmp_path: Path) -> None:
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return subprocess.call, (["touch", str(tmp_path / "mark")],)

    path = tmp_path / "x.ckpt"
    torch.save({"state_dict": {}, "hyper_parameters": {"norm": Payload()}}, path)
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        GAN.load_from_checkpoint(path)
    path.write_bytes(pickle.dumps(Payload()))
    with pytest.raises(UserError, match="cannot be read as a checkpoint"):
        GAN.load_from_checkpoint(path)
    assert not (tmp_path / "mark").exists()


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


MINE = """
from torch import nn
from gan_lightning.normalization import Normalization

class Norm(Normalization):
    def __call__(self, layer: nn.Module) -> nn.Module:
        layer.mine = True
        return layer

def norm(layer: nn.Module) -> nn.Module:
    layer.mine = True
    return layer

def bare(layer):
    return layer
"""


@pytest.mark.parametrize("name", ["Norm", "norm"])
def test_a_trusted_package_is_used(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = f"mine_{name.lower()}_{'c' if name == 'Norm' else 'f'}"
    (tmp_path / f"{package}.py").write_text(MINE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    path = save(small(norm=none()), tmp_path / "x.ckpt", norm=f"{package}.{name}")
    with pytest.raises(UserError, match=f"may not name {package}.*by `trust` {package}"):
        GAN.load_from_checkpoint(path)
    assert package not in sys.modules
    module = GAN.load_from_checkpoint(path, trust=package)
    assert sum(hasattr(layer, "mine") for layer in module.discriminator.modules()) == 8


def test_a_trusted_function_says_what_it_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "mine_bare.py").write_text(MINE)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    spec = {"class_path": "mine_bare.bare", "init_args": {}}
    path = save(small(norm=none()), tmp_path / "x.ckpt", norm=spec)
    with pytest.raises(UserError, match=r"-> nn.Module"):
        GAN.load_from_checkpoint(path, trust=("mine_bare",))


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


def test_what_a_file_cannot_say_has_to_be_passed_again(tmp_path: Path) -> None:
    def mine(layer: nn.Module) -> nn.Module:
        return layer

    path = save(small(norm=mine, objective=wasserstein()), tmp_path / "x.ckpt")
    with pytest.raises(UserError, match=r"pass them again: norm=\.\.\.$"):
        GAN.load_from_checkpoint(path)
    assert isinstance(GAN.load_from_checkpoint(path, norm=mine).objective, wasserstein)


def test_another_architecture_is_told(tmp_path: Path) -> None:
    path = save(small(), tmp_path / "x.ckpt", **SMALL)
    wider = dict(SMALL["discriminator"]) | {"init_args": {"width": 2}}
    assert same_weights(GAN.load_from_checkpoint(path), small()) is False  # other first weights
    save(small(), path, discriminator=wider)
    with pytest.raises(UserError, match="another architecture"):
        GAN.load_from_checkpoint(path)


def test_the_settings_of_jsonargparse_are_given_back(tmp_path: Path) -> None:
    import jsonargparse._common

    before = dict(jsonargparse._common.parsing_settings)
    path = save(small(), tmp_path / "x.ckpt")
    for given, _ in itertools.product(({}, {"trust": "5.x"}), range(2)):
        try:
            GAN.load_from_checkpoint(path, **given)
        except UserError as error:
            assert "no import path" in str(error)  # noqa: PT017  (one of the two raises)
    assert jsonargparse._common.parsing_settings == before
