"""Every file of configs/: it trains, is the paper's table, and takes the memory that it may."""

from __future__ import annotations

import importlib
import inspect
import re
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from torch import nn

from gan_lightning import cli
from gan_lightning.data import ImageData
from gan_lightning.data.base import Split
from gan_lightning.data.prepared import Prepared
from gan_lightning.networks.base import build
from tests.conftest import ROOT

CONFIGS = ROOT / "configs"
ALL = sorted(path.relative_to(CONFIGS).as_posix() for path in CONFIGS.rglob("*.yaml"))
BASES = {"wgan_gp": "cifar10_wgan_gp", "decay_imagenet": "imagenet", "settings": "cifar10"}
"""What files go over that name no data, by a part of their name; the others over digits."""


def options_of(name: str) -> list[str]:
    """``--config`` of a file, after that of a file that it goes over."""
    said = yaml.safe_load((CONFIGS / name).read_text())
    base = next((base for part, base in BASES.items() if part in name), "digits")
    names = [name] if "data" in said else [f"{base}.yaml", name]
    return [word for each in names for word in ("--config", str(CONFIGS / each))]


@cache
def parsed(name: str) -> Any:  # noqa: ANN401 (a namespace of namespaces)
    """What the command line makes of a file, without building it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sys.argv", ["gan"])
        patch.setattr(cli.GANCommand, "_run_subcommand", lambda self, subcommand: None)
        patch.setattr(cli.GANCommand, "instantiate_classes", lambda self: None)
        command = cli.run(["fit", *options_of(name), "--trainer.accelerator", "cpu"])
    return command.config.fit


def class_of(spec: Any) -> Any:  # noqa: ANN401 (a class)
    module, _, name = spec.class_path.rpartition(".")
    return getattr(importlib.import_module(module), name)


def arguments_of(spec: Any) -> dict[str, Any]:  # noqa: ANN401 (a namespace)
    return vars(spec.get("init_args") or {}) if spec.get("init_args") else {}


# ----------------------------------------------------------------------------- the papers' tables

BSSN_TABLE_7 = {
    "bssn_1": (1e-4, 1e-4, 0.5, 0.9, 5),
    "bssn_2": (1e-4, 1e-4, 0.5, 0.999, 1),
    "bssn_3": (2e-4, 2e-4, 0.5, 0.999, 1),
    "bssn_4": (1e-4, 2e-4, 0.5, 0.999, 1),
    "bssn_5": (2e-4, 1e-4, 0.5, 0.999, 1),
}
SNGAN_TABLE_1 = {
    "sngan_a": (1e-4, 1e-4, 0.5, 0.9, 5),
    "sngan_b": (1e-4, 1e-4, 0.5, 0.999, 1),
    "sngan_c": (2e-4, 2e-4, 0.5, 0.999, 1),
    "sngan_d": (1e-3, 1e-3, 0.5, 0.9, 5),
    "sngan_e": (1e-3, 1e-3, 0.5, 0.999, 5),
    "sngan_f": (1e-3, 1e-3, 0.9, 0.999, 5),
}
APP_I = {
    "wgan_gp_stable": (1e-4, 2e-4, 0.5, 0.999, 1),
    "wgan_gp_exploding": (1e-3, 1e-3, 0.5, 0.999, 1),
    "wgan_gp_vanishing": (1e-3, 1e-3, 0.5, 0.999, 1),
}
TABLES = BSSN_TABLE_7 | SNGAN_TABLE_1 | APP_I
STEPS = dict.fromkeys(BSSN_TABLE_7 | APP_I, 400_000) | dict.fromkeys(SNGAN_TABLE_1, 100_000)


@pytest.mark.parametrize("name", TABLES)
def test_settings_are_those_of_the_tables(name: str) -> None:
    config = parsed(f"settings/{name}.yaml")
    of_g, of_d = (
        config.model[f"{player}_optimizer"].init_args for player in ("generator", "discriminator")
    )
    lr_g, lr_d, *betas, n_dis = TABLES[name]
    assert (of_g.lr, of_d.lr, config.model.n_dis) == (lr_g, lr_d, n_dis)
    assert list(of_g.betas) == list(of_d.betas) == betas
    assert config.trainer.max_steps == STEPS[name]


def test_the_gradient_study_is_that_of_bssn_appendix_i() -> None:
    runs = {name: parsed(f"settings/{name}.yaml").model for name in APP_I}
    weights = [model.penalties[0].init_args.weight for model in runs.values()]
    assert weights == [10, 10, 50]
    assert all(len(model.penalties) == 1 for model in runs.values())
    slopes = [model.discriminator.init_args.slope for model in runs.values()]
    assert slopes == [0.1, 0.1, 0.0]
    for model in runs.values():
        assert model.norm.class_path.endswith(".none")
        assert model.objective.class_path.endswith(".wasserstein")


def test_two_time_scales_and_decays() -> None:
    model = parsed("settings/ttur.yaml").model
    assert model.discriminator_optimizer.init_args.lr == 4 * model.generator_optimizer.init_args.lr
    for name, start, end in (("cifar10", 0, 50_000), ("imagenet", 400_000, 450_000)):
        config = parsed(f"settings/decay_{name}.yaml")
        assert config.trainer.max_steps == end
        for player in ("generator", "discriminator"):
            schedule = config.model[f"{player}_schedule"].init_args
            assert (schedule.start, schedule.end) == (start, end)


@pytest.mark.parametrize("name", ["mnist_began", "mnist_ebgan"])
def test_the_reports_table_is_at_28x28_for_300_epochs(name: str) -> None:
    config = parsed(f"{name}.yaml")
    assert config.trainer.max_steps * config.data.init_args.batch_size == 300 * 60_000
    for player in ("generator", "discriminator"):
        adam = config.model[f"{player}_optimizer"].init_args
        assert (adam.lr, *adam.betas) == (1e-3, 0.5, 0.9)


# ------------------------------------------------------------------------------------- the memory

GIB = 2**30
IN_MEMORY = {"digits": 1797}


def promised() -> dict[str, float]:
    """The table of docs/methods.md: dataset to GiB."""
    text = (ROOT / "docs" / "methods.md").read_text()
    section = text.split("## Memory")[1].split("\n## ")[0]
    return {
        name: float(gib)
        for name, gib in re.findall(r"^\| `(\w+)` .*\| ([\d.]+) \|$", section, re.M)
    }


def networks(config: Any, data: ImageData) -> list[nn.Module]:  # noqa: ANN401 (a namespace)
    """Both, without memory."""
    with torch.device("meta"):
        return [
            build(partial(class_of(spec), **arguments_of(spec)), data.image_shape, data.num_classes)
            for spec in (config.model.generator, config.model.discriminator)
        ]


def held(config: Any) -> float:  # noqa: ANN401 (a namespace)
    """GiB on the device before there is any activation.

    The images, if they fit their budget; of each network weights, gradients, Adam's two moments
    and the normalized weights; and the moving average.
    """
    data: ImageData = class_of(config.data)(**arguments_of(config.data))
    budget = data.device_cache_gib * GIB
    count = data.counts.get("train") or IN_MEMORY.get(data.name)
    images = budget if count is None else count * float(np.prod(data.image_shape))
    total = images if images <= budget else 0.0
    both = networks(config, data)
    sizes = [sum(p.numel() * 4 for p in network.parameters()) for network in both]
    total += 5 * sum(sizes) + (sizes[0] if config.ema.decay else 0)
    return total / GIB


@pytest.mark.parametrize("name", ALL)
def test_a_config_takes_the_memory_that_its_dataset_is_promised(name: str) -> None:
    config = parsed(name)
    dataset = config.data.class_path.rpartition(".")[2]
    assert held(config) <= promised()[dataset], name


def test_promises_are_not_empty() -> None:
    """Each is less than eight times what its largest config takes."""
    largest: dict[str, float] = {}
    for name in ALL:
        config = parsed(name)
        dataset = config.data.class_path.rpartition(".")[2]
        largest[dataset] = max(largest.get(dataset, 0.0), held(config))
    assert largest.keys() == promised().keys()
    for dataset, gib in promised().items():
        assert gib < max(0.11, 8 * largest[dataset]), dataset


# ----------------------------------------------------------------------------------- the training


@pytest.fixture
def _fabricated(monkeypatch: pytest.MonkeyPatch) -> None:
    """Random images of each dataset's shape, and labels of all its classes, in memory."""

    def load(self: ImageData, split: Split) -> Prepared:
        channels, height, width = self.image_shape
        rng = np.random.default_rng(0)
        images = rng.integers(0, 256, (8, height, width, channels), np.uint8)
        labels = None if self.num_classes is None else np.arange(8) % self.num_classes
        return Prepared(images, labels, "fabricated")

    monkeypatch.setattr(ImageData, "load", load)
    monkeypatch.setattr(ImageData, "prepare_data", lambda self: None)


def smaller(config: Any) -> list[str]:  # noqa: ANN401 (a namespace)
    """Options that make a config cheap: two images an update, and networks of width 4."""
    options = ["--data.batch_size=2"]
    if config.model.generator_batch_size:
        options.append("--model.generator_batch_size=3")
    for player in ("generator", "discriminator"):
        if "width" in inspect.signature(class_of(config.model[player])).parameters:
            options.append(f"--model.{player}.width=4")
    return options


@pytest.mark.slow
@pytest.mark.usefixtures("_fabricated")
@pytest.mark.parametrize("name", ALL)
def test_a_config_trains_on_images_of_its_datasets_shape(name: str, tmp_path: Path) -> None:
    unseen = [
        "--trainer.limit_val_batches=0",
        "--samples.every_n_steps=0",
        "--trainer.logger=false",
    ]
    unseen += ["--trainer.enable_progress_bar=false", "--trainer.accelerator=cpu"]
    command = cli.run(
        [
            *("fit", *options_of(name), "--run", str(tmp_path / "run")),
            *(*unseen, "--trainer.max_steps=3", *smaller(parsed(name))),
        ]
    )
    assert command.trainer.global_step == 3
    steps = [next(iter(o.state.values()))["step"] for o in command.trainer.optimizers]
    assert list(map(int, steps)) == [3, 3 * command.model.n_dis]
