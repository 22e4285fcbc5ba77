"""Every form of the command line that users and sweeps rely on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from gan_lightning import cli
from gan_lightning.normalization import SpectralNorm, spectral_pairs

Parsed = Callable[..., cli.GANCommand]


def norm_of(command: cli.GANCommand) -> tuple[str, float | None]:
    """Name and scale of the norm that the discriminator really has."""
    norm = command.model.hparams["norm"]
    pairs = spectral_pairs(command.model.discriminator)
    name = norm if isinstance(norm, str) else norm["class_path"]
    return name.rsplit(".", 1)[-1], pairs[0][0].scale if pairs else None


FORMS = {
    "": ("bssn", 1.4),
    "--model.norm bssn": ("bssn", 1.4),
    "--model.norm bssn --model.norm.scale 1.2": ("bssn", 1.2),
    "--model.norm.scale=1.2": ("bssn", 1.2),
    "--model.norm.init_args.scale=1.2": ("bssn", 1.2),
    "--model.norm ssn": ("ssn", 1.0),  # not 1.4: nothing is inherited
    "--model.norm=sn_conv --model.norm.init_args.scale=1.75": ("sn_conv", 1.75),
    "--model.norm sn": ("sn", 1.0),
    "--model.norm bsn": ("bsn", 1.0),
    "--model.norm none": ("none", None),
    "--model.norm torch.nn.utils.parametrizations.spectral_norm": ("spectral_norm", None),
    "--model.norm tests.cli.test_forms.my_norm": ("my_norm", None),
}


def my_norm(layer: nn.Module) -> nn.Module:
    """A normalization of the user's own."""
    layer.mine = True  # type: ignore[assignment]  # as users do
    return layer


@pytest.mark.parametrize("form", FORMS)
def test_norm_forms(parsed: Parsed, form: str) -> None:
    assert norm_of(parsed(*form.split())) == FORMS[form]


def test_norms_by_import_path_are_applied(parsed: Parsed) -> None:
    command = parsed("--model.norm", "tests.cli.test_forms.my_norm")
    layers = [m for m in command.model.discriminator.modules() if hasattr(m, "mine")]
    assert len(layers) == 8
    command = parsed("--model.norm", "torch.nn.utils.parametrizations.spectral_norm")
    layers = [m for m in command.model.discriminator.modules() if hasattr(m, "_u")]
    assert len(layers) == 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("norm: ssn", ("ssn", 1.0)),
        ("norm: {class_path: bssn, init_args: {scale: 1.2}}", ("bssn", 1.2)),
        ("norm: {class_path: bsn}", ("bsn", 1.0)),
        ("norm: torch.nn.utils.parametrizations.spectral_norm", ("spectral_norm", None)),
        ("n_dis: 2", ("bssn", 1.4)),
    ],
)
def test_norm_forms_in_a_second_config(
    parsed: Parsed, tmp_path: Path, text: str, expected: tuple[str, float | None]
) -> None:
    (tmp_path / "more.yaml").write_text(f"model:\n  {text}\n")
    assert norm_of(parsed("--config", str(tmp_path / "more.yaml"))) == expected


def test_generator_norm_objective_and_numbers(parsed: Parsed) -> None:
    command = parsed(
        *[
            "--model.generator_norm",
            "bsn",
            "--model.objective",
            "wasserstein",
            "--model.n_dis",
            "5",
        ],
        *["--model.generator_optimizer.lr", "2e-4", "--seed_everything", "3"],
    )
    model = command.model
    assert sum(isinstance(m, SpectralNorm) for m in model.generator.modules()) == 5
    assert type(model.objective).__name__ == "wasserstein"
    assert model.n_dis == 5
    assert (model.seed, command.datamodule.seed) == (3, 3)
    generator, discriminator = model.configure_optimizers()[0]
    assert generator.defaults["lr"] == 2e-4
    assert discriminator.defaults["lr"] == 1e-4


@pytest.mark.parametrize("lr", ["", "--model.generator_optimizer.lr=0.7"])
def test_another_optimizer_starts_from_its_own_defaults(parsed: Parsed, lr: str) -> None:
    options = f"{lr} --model.generator_optimizer torch.optim.SGD"
    generator, _ = parsed(*options.split()).model.configure_optimizers()[0]
    assert isinstance(generator, torch.optim.SGD)
    assert generator.defaults["lr"] == (0.7 if lr else 1e-3)  # not GANAdam's 1e-4


def test_a_scale_before_its_norm_is_its_scale(parsed: Parsed) -> None:
    command = parsed("--model.norm.init_args.scale=2.0", "--model.norm=ssn")
    assert norm_of(command) == ("ssn", 2.0)
