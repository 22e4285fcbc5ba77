"""Slopes of losses and diversity, by hand."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.analysis import diversity_of, slopes
from gan_lightning.draws import Draw
from gan_lightning.losses import Objective, hinge, standard, wasserstein
from gan_lightning.players import Player


class Both(NamedTuple):
    """What a discriminator with two heads says."""

    logits: Tensor
    other: Tensor


class Judge(nn.Module):
    """Takes the first pixel as its logit."""

    def forward(self, images: Tensor) -> Tensor:
        """Looks."""
        return images[:, 0, 0]


class TwoHeads(Judge):
    """Says more than that."""

    def forward(self, images: Tensor) -> Both:  # type: ignore[override]  # more of it
        """Looks twice."""
        return Both(images[:, 0, 0], images[:, 0, 0] * 5)


class first_hinge(hinge):
    """Of the first head."""

    # Ignored here: it takes more than logits.
    def discriminator(self, real: Both, fake: Both) -> Tensor:  # type: ignore[override]
        """Of its logits."""
        return super().discriminator(real.logits, fake.logits)


def images(*values: float) -> Tensor:
    return torch.tensor(values).reshape(-1, 1, 1, 1)


@pytest.mark.parametrize(
    ("objective", "network", "expected"),
    [
        (hinge(), Judge(), (0.5, 0.0)),  # of real 2 and 0 one is within the margin; fake -2, -3
        (first_hinge(), TwoHeads(), (0.5, 0.0)),
        (wasserstein(), Judge(), (1.0, 1.0)),
        (standard(), Judge(), ((0.1192029 + 0.5) / 2, (0.1192029 + 0.0474259) / 2)),
    ],
)
def test_slopes_by_hand(
    objective: Objective, network: nn.Module, expected: tuple[float, float]
) -> None:
    """Hinge: the part of images within the margin. Standard: means of sigmoid(-D), sigmoid(D)."""
    player = Player(network, lambda loss: None)
    draw = Draw(images(2.0, 0.0), torch.empty(0), torch.empty(0))
    found = slopes(player, objective, draw, images(-2.0, -3.0))
    assert [slope.item() for slope in found] == pytest.approx(expected)


def test_diversity_by_hand() -> None:
    assert diversity_of(images(1.0, 1.0, 1.0)).item() == 0.0
    assert diversity_of(images(1.0, 3.0)).item() == 1.0
    wide = torch.cat([images(1.0, 3.0), images(5.0, 5.0)], dim=3)
    assert diversity_of(wide).item() == pytest.approx(0.5**0.5)
