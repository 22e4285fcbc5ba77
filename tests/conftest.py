"""What the tests of whole runs share."""

from __future__ import annotations

import csv
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer

from gan_lightning import cli, trainer_defaults

# LightningCLI still uses what jsonargparse 4 deprecates; this is jsonargparse's own switch.
os.environ["JSONARGPARSE_DEPRECATION_WARNINGS"] = "off"

# A shell's background job ignores Ctrl-C, and so would every program that the tests start there.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]

TINY = """
data: {class_path: digits, init_args: {batch_size: 4}}
model:
  generator: {class_path: CNNGenerator, init_args: {latent_dim: 6, width: 2}}
  discriminator: {class_path: CNNDiscriminator, init_args: {width: 2}}
  norm: {class_path: bssn, init_args: {scale: 1.4}}
trainer:
  max_steps: 6
  accelerator: cpu
  log_every_n_steps: 2
  val_check_interval: 4
  enable_progress_bar: false
checkpoints: {every_n_steps: 3}
samples: {every_n_steps: 0, rows: 1, columns: 2}
evaluation:
  extractor: digits
  protocol:
    class_path: monitor
    init_args: {is_images: 20, is_splits: 2, fid_real: 20, fid_generated: 20}
"""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests of whole runs by the fixtures that make them, unless they are slower still."""
    for item in items:
        slower = any(item.get_closest_marker(name) for name in ("slow", "exhaustive", "gpu"))
        if {"gan", "tiny"} & {*getattr(item, "fixturenames", ())} and not slower:
            item.add_marker("runs")


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """One thread, and a command line without the test runner's own options."""
    torch.set_num_threads(1)
    monkeypatch.setattr("sys.argv", ["gan"])


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    """A config of a run that takes a second."""
    path = tmp_path / "tiny.yaml"
    path.write_text(TINY)
    return path


Gan = Callable[..., cli.GANCommand]


@pytest.fixture
def gan(tiny: Path, tmp_path: Path) -> Gan:
    """Runs ``gan SUBCOMMAND --config tiny.yaml --run tmp/run OPTIONS``."""

    def run(*options: str, subcommand: str = "fit", folder: str = "run") -> cli.GANCommand:
        start = [subcommand, "--config", str(tiny), "--run", str(tmp_path / folder)]
        return cli.run([*start, *options])

    return run


@pytest.fixture
def parsed(gan: Gan, monkeypatch: pytest.MonkeyPatch) -> Callable[..., cli.GANCommand]:
    """The same, but builds everything and runs nothing."""
    monkeypatch.setattr(cli.GANCommand, "_run_subcommand", lambda self, subcommand: None)
    return gan


def last(run: Path) -> dict[str, Any]:
    """The content of a run's last checkpoint, read as torch's safe loader does."""
    checkpoint: dict[str, Any] = torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)
    return checkpoint


def same(one: object, two: object) -> bool:
    """Whether nested containers of tensors and plain values are equal to the last bit."""
    if isinstance(one, torch.Tensor):
        return isinstance(two, torch.Tensor) and one.dtype == two.dtype and torch.equal(one, two)
    if isinstance(one, dict):
        return (
            isinstance(two, dict)
            and one.keys() == two.keys()
            and all(same(one[key], two[key]) for key in one)
        )
    if isinstance(one, Sequence) and not isinstance(one, str):
        return (
            isinstance(two, Sequence)
            and len(one) == len(two)
            and all(same(a, b) for a, b in zip(one, two, strict=True))
        )
    return one == two


def rows(run: Path) -> list[dict[str, str]]:
    """The rows of a run's metrics.csv."""
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def bare_trainer(folder: Path, **options: Any) -> Trainer:
    """A trainer on the CPU that does nothing but train, set up as the command line does."""
    settings: dict[str, Any] = {
        "accelerator": "cpu",
        "log_every_n_steps": 1,
        "logger": False,
        "enable_checkpointing": False,
        "enable_progress_bar": False,
        "default_root_dir": folder,
    }
    return Trainer(**trainer_defaults(**{**settings, **options}))
