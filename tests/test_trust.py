"""Nothing runs from a stranger's file: checkpoints here, configs in tests/cli/test_trust.py."""

from __future__ import annotations

import itertools
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from gan_lightning import GAN
from gan_lightning.errors import UserError
from gan_lightning.normalization import none
from tests.checkpoints.made import save, small

pytestmark = pytest.mark.runs

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
