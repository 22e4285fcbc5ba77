"""Labels reach both passes of a discriminator, apart and together."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.draws import Draw
from gan_lightning.losses import wasserstein
from gan_lightning.networks import ConditionalCNNGenerator
from gan_lightning.players import Player, descend
from gan_lightning.step import iteration

SHAPE = (1, 8, 8)
CLASSES, COUNT = 3, 4


class ByClass(nn.Module):
    """Answers with a number of each class, and notes which classes it was asked about."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = nn.Parameter(torch.arange(1.0, 1 + CLASSES))
        self.asked: list[list[int]] = []

    def forward(self, images: Tensor, labels: Tensor) -> Tensor:
        """One number an image, ``(N,)``."""
        self.asked.append(labels.tolist())
        return self.answers[labels] + 0 * images.sum((1, 2, 3))


def step(couples: bool, *fake_labels: Tensor) -> ByClass:
    """The discriminator after one iteration."""
    generator = ConditionalCNNGenerator(SHAPE, latent_dim=2, width=1, num_classes=CLASSES)
    network = ByClass()
    G, D = (
        Player(part, descend(torch.optim.SGD(part.parameters(), lr=1.0)), couples=couples)
        for part in (generator, network)
    )
    draw = Draw(
        torch.zeros(1, COUNT, *SHAPE),
        torch.zeros(1, COUNT, 2),
        torch.zeros(1, 0),
        (torch.tensor([[0, 0, 1, 1]]),),
        tuple(labels[None] for labels in fake_labels),
    )
    iteration(G, D, wasserstein(), (), draw)
    return network


@pytest.mark.parametrize("couples", [True, False])
def test_each_image_is_judged_by_its_own_class(couples: bool) -> None:
    """The gradient of wasserstein at an answer is the share of generated minus real images."""
    network = step(couples, torch.tensor([1, 2, 2, 2]))
    real, fake = [0, 0, 1, 1], [1, 2, 2, 2]
    assert network.asked == ([real, fake, fake] if couples else [real + fake, fake])
    moved = network.answers.detach() - torch.arange(1.0, 1 + CLASSES)
    torch.testing.assert_close(moved, torch.tensor([0.5, 0.25, -0.75]))


def test_labels_of_only_the_real_images_are_an_error() -> None:
    network = ByClass()
    generator = nn.Linear(2, 64)
    make = nn.Sequential(generator, nn.Unflatten(1, SHAPE))
    G, D = (
        Player(part, descend(torch.optim.SGD(part.parameters(), lr=1.0)), couples=False)
        for part in (make, network)
    )
    images, latents = torch.zeros(1, COUNT, *SHAPE), torch.zeros(1, COUNT, 2)
    draw = Draw(images, latents, torch.zeros(1, 0), (torch.zeros(1, COUNT, dtype=torch.int64),))
    with pytest.raises(ValueError, match="zip"):
        iteration(G, D, wasserstein(), (), draw)
