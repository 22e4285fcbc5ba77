"""What is refused, what is doubted, and what is left in peace."""

from __future__ import annotations

from functools import partial

import pytest
import torch
from torch import nn

from gan_lightning import GAN
from gan_lightning.combinations import doubts
from gan_lightning.errors import UserError
from gan_lightning.initialization import Initialization, lecun
from gan_lightning.losses import Objective, hinge, standard, wasserstein
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import (
    Norm,
    bn,
    bsn,
    clip,
    frobenius,
    gamma,
    ln,
    none,
    shared_gamma,
    sn,
    wn,
)
from gan_lightning.penalties import Penalty, gradient_penalty, orthonormal, r1
from tests.conftest import Gan

GP = gradient_penalty()


@pytest.mark.parametrize("penalties", [(GP,), (orthonormal(), r1())])
def test_a_slope_of_coupled_images_is_refused_before_anything_is_trained(
    penalties: tuple[Penalty, ...],
) -> None:
    with pytest.raises(UserError, match=r"^penalties (gradient_penalty|r1) asks how .*norm ln"):
        GAN(
            (1, 8, 8),
            partial(CNNGenerator, width=1),
            partial(CNNDiscriminator, width=1),
            norm=bn(),
            penalties=penalties,
        )


def test_a_penalty_of_weights_goes_with_batch_normalization() -> None:
    networks = partial(CNNGenerator, width=1), partial(CNNDiscriminator, width=1)
    GAN((1, 8, 8), *networks, norm=bn(), penalties=(orthonormal(),))
    GAN((1, 8, 8), *networks, norm=ln(), penalties=(GP, r1()))
    GAN((1, 8, 8), *networks, generator_norm=bn(), penalties=(GP,))


def mine(layer: nn.Module) -> nn.Module:
    return layer


DOUBTED: list[tuple[str, Objective, Norm, tuple[Penalty, ...], Initialization | None]] = [
    ("norm gamma trains a gain that nothing bounds", hinge(), gamma(sn()), (), None),
    ("norm shared_gamma trains", wasserstein(), shared_gamma(bsn()), (orthonormal(),), None),
    ("norm gamma trains", hinge(), gamma(none()), (gradient_penalty(0.0),), None),
    ("norm none without penalties bounds nothing", wasserstein(), none(), (), None),
    ("norm bn without penalties bounds nothing", wasserstein(), bn(), (), None),
    ("norm clip keeps weights within 0.01", hinge(), clip(), (orthonormal(),), None),
    ("clip keeps weights within 0.3", hinge(), gamma(clip(0.3)), (orthonormal(), GP), None),
    ("scale 2 changes nothing", hinge(), wn(), (), lecun(2.0)),
    ("scale 2 changes nothing", wasserstein(), gamma(sn()), (GP,), lecun(2.0)),
]
FINE: list[tuple[Objective, Norm, tuple[Penalty, ...], Initialization | None]] = [
    (hinge(), none(), (), None),
    (standard(), bn(), (), None),
    (wasserstein(), gamma(sn()), (GP,), None),
    (hinge(), shared_gamma(), (r1(),), None),
    *((wasserstein(), norm, (), None) for norm in (sn(), bsn(), wn(), frobenius(), clip(), mine)),
    (wasserstein(), none(), (GP,), None),
    (wasserstein(), none(), (orthonormal(),), None),
    (hinge(), none(), (), lecun(2.0)),
    (hinge(), sn(), (), lecun()),
    (hinge(), clip(), (), lecun(0.1)),
    (hinge(), gamma(clip()), (GP,), lecun(0.1)),
]


@pytest.mark.parametrize("case", DOUBTED, ids=lambda case: case[0])
def test_one_sentence_is_said(
    case: tuple[str, Objective, Norm, tuple[Penalty, ...], Initialization | None],
) -> None:
    (said,) = doubts(*case[1:])
    assert case[0] in said
    assert "\n" not in said


@pytest.mark.parametrize("case", FINE, ids=lambda case: type(case[1]).__name__)
def test_what_makes_sense_is_left_in_peace(
    case: tuple[Objective, Norm, tuple[Penalty, ...], Initialization | None],
) -> None:
    assert doubts(*case) == []


def test_it_is_said_when_training_starts_and_only_then(
    gan: Gan, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    options = ["--model.norm=gamma", "--trainer.max_steps=2", "--trainer.limit_val_batches=0"]
    with caplog.at_level("INFO"):
        gan(*options)
        gan(*options, "--ckpt_path=last", "--data.num_predict=2", subcommand="predict")
    said = caplog.text + "".join(capsys.readouterr())
    assert said.count("Note: norm gamma trains a gain that nothing bounds") == 1


def test_a_bounded_slope_is_bounded() -> None:
    """What the sentences stand on: wn and frobenius bound each layer, a gain does not."""
    matrix = torch.randn(7, 5, dtype=torch.float64)
    rows = matrix / matrix.norm(dim=1, keepdim=True)
    assert torch.linalg.svdvals(rows)[0] <= 7**0.5
    assert torch.linalg.svdvals(matrix / matrix.norm())[0] <= 1
