"""Nothing runs from a stranger's config; what a user types or trusts does."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from gan_lightning import cli
from gan_lightning.errors import UserError
from tests.conftest import TINY, Gan
from tests.test_trust import MINE, OPTIONS, payloads

pytestmark = pytest.mark.runs


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with modules in it."""
    (tmp_path / "stranger.py").write_text(f"open({str(tmp_path / 'mark')!r}, 'w')\n")
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(config: dict[str, Any], command: str = "fit", *options: str) -> str:
    """What is said of a config."""
    Path("evil.yaml").write_text(yaml.safe_dump(config))
    with pytest.raises(UserError) as error:
        cli.run([command, "--config", "evil.yaml", "--run", "run", *options])
    return str(error.value)


@pytest.mark.parametrize("option", OPTIONS)
def test_a_config_runs_nothing(option: str, here: Path) -> None:
    config = yaml.safe_load(TINY)
    for name, payload in payloads(here / "mark").items():
        config["model"][option] = payload
        refused(config)
        assert not (here / "mark").exists(), name
        assert "stranger" not in sys.modules


@pytest.mark.parametrize("command", ["predict", "validate"])
def test_a_run_of_a_stranger_runs_nothing(command: str, here: Path) -> None:
    config = yaml.safe_load(TINY)
    config["model"]["norm"] = payloads(here / "mark")["shell"]
    (here / "run" / "checkpoints").mkdir(parents=True)
    (here / "run" / "config.yaml").write_text(yaml.safe_dump(config))
    (here / "run" / "checkpoints" / "last.ckpt").write_bytes(b"")
    with pytest.raises(UserError, match=r"may not name os\.system"):
        cli.run([command, "--run", "run"])
    assert not (here / "mark").exists()


def test_callbacks_loggers_and_any_run_nothing(here: Path) -> None:
    shell = payloads(here / "mark")["shell"]
    write = payloads(here / "mark")["a function of ours"]
    of_lambda = "lightning.pytorch.callbacks.LambdaCallback"
    for trainer in (
        {"callbacks": [shell]},
        {"callbacks": [{"class_path": of_lambda, "init_args": {"setup": shell}}]},
        {"callbacks": [{"class_path": of_lambda, "init_args": {"setup": write}}]},
        {"logger": shell},
        {"plugins": [shell]},
        {"profiler": shell},
        {"strategy": shell},
    ):
        config = yaml.safe_load(TINY)
        config["trainer"] |= trainer
        refused(config)
        assert not (here / "mark").exists(), trainer


def test_a_config_cannot_trust_or_unpickle(here: Path) -> None:
    assert "--trust is not an option" in refused({**yaml.safe_load(TINY), "trust": ["os"]})
    said = refused({**yaml.safe_load(TINY), "weights_only": False})
    assert "--weights_only is not an option" in said


def test_a_sub_config_is_a_file_too(here: Path) -> None:
    (here / "norm.yaml").write_text("class_path: stranger.norm\n")
    (here / "mine.yaml").write_text(TINY)
    with pytest.raises(UserError, match=r"may not name stranger.norm"):
        cli.run(["fit", "--config", "mine.yaml", "--model.norm=norm.yaml"])
    assert not (here / "mark").exists()


def test_what_is_typed_is_trusted(here: Path, parsed: Gan) -> None:
    (here / "typed_norms.py").write_text(MINE)
    command = parsed("--model.norm", "typed_norms.norm")
    layers = [m for m in command.model.discriminator.modules() if hasattr(m, "mine")]
    assert len(layers) == 8
    with pytest.raises(UserError, match=r"--model.norm typed_norms.bare does not say .*nn.Module"):
        parsed("--model.norm", "typed_norms.bare")


def test_trust_on_the_command_line(here: Path, parsed: Gan) -> None:
    (here / "trusted_norms.py").write_text(MINE)
    config = yaml.safe_load(TINY)
    config["model"]["norm"] = "trusted_norms.Norm"
    assert "--trust trusted_norms" in refused(config)
    assert "trusted_norms" not in sys.modules
    parsed("--config", "evil.yaml", "--trust", "trusted_norms")
    assert "trusted_norms" in sys.modules
