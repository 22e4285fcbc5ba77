"""What only a GPU can show: ``pytest -m gpu`` on a machine that has one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gan_lightning.augmentation import DiffAugment, View, as_they_are
from gan_lightning.draws import Draw, Own
from gan_lightning.graph import GraphedIteration
from gan_lightning.losses import hinge
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import Normalization, bn, bssn, frobenius, ln, normalize_, wn
from gan_lightning.optim import GANAdam, LinearDecay
from gan_lightning.penalties import Penalty, gradient_penalty, orthonormal
from gan_lightning.players import Player, descend
from gan_lightning.step import iteration
from tests.conftest import Gan, last, same

pytestmark = pytest.mark.gpu
SHAPE = (3, 16, 16)


METHODS: dict[str, tuple[Normalization, tuple[Penalty, ...]]] = {
    "bssn": (bssn(1.2), ()),
    "bssn, penalty": (bssn(1.2), (gradient_penalty(),)),
    "wn, orthonormal": (wn(), (orthonormal(),)),
    "frobenius": (frobenius(), ()),
    "bn": (bn(), ()),
    "ln, penalty": (ln(), (gradient_penalty(),)),
}


@pytest.mark.parametrize("own", [None, 6], ids=["shared", "own batch"])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_dis", [1, 3])
@pytest.mark.parametrize("view", [as_they_are, DiffAugment()], ids=["as they are", "augmented"])
def test_a_captured_iteration_is_the_eager_one(
    n_dis: int, method: str, own: int | None, view: View
) -> None:
    """With a schedule of the learning rate, which a capture must not freeze."""
    norm, penalties = METHODS[method]
    results = []
    for graphed in (False, True):
        torch.manual_seed(0)
        networks = [CNNGenerator(SHAPE, 16, width=8), CNNDiscriminator(SHAPE, width=8)]
        for network in networks:
            network.cuda().to(memory_format=torch.channels_last)
        normalize_(networks[1], norm, torch.zeros(1, *SHAPE))
        optimizers = [GANAdam(network.parameters()) for network in networks]
        schedules = [LinearDecay(optimizer, end=8) for optimizer in optimizers]
        G, D = (Player(n, descend(o)) for n, o in zip(networks, optimizers, strict=True))

        def eager(draws: Draw, own: Own | None, G: Player = G, D: Player = D) -> torch.Tensor:
            return iteration(G, D, hinge(), penalties, draws, own, view)

        iterate = GraphedIteration(eager, optimizers, pytest.fail) if graphed else eager
        rng = torch.Generator("cuda").manual_seed(1)

        def some(*shape: int, rng: torch.Generator = rng) -> torch.Tensor:
            return torch.randn(*shape, device="cuda", generator=rng)

        losses = []
        for _ in range(8):
            draws = Draw(some(n_dis, 8, *SHAPE), some(n_dis, 8, 16), some(n_dis, 8).sigmoid())
            views, fake_views = ((some(n_dis, 8, 7).sigmoid(),) for _ in range(2))
            draws = draws._replace(views=views, fake_views=fake_views)
            own_draw = Own(some(own, 16), views=(some(own, 7).sigmoid(),)) if own else None
            losses.append(iterate(draws, own_draw))
            for schedule in schedules:
                schedule.step()
        weights = [p.detach() for network in networks for p in network.parameters()]
        results.append((torch.stack(losses), weights))
    torch.testing.assert_close(results[0][0], results[1][0])
    torch.testing.assert_close(results[0][1], results[1][1])


def test_a_run_with_graphs_counts_saves_and_resumes(gan: Gan, tmp_path: Path) -> None:
    options = ["--trainer.accelerator", "gpu", "--trainer.devices", "1"]
    options += ["--model.iterations_per_batch", "3", "--model.cuda_graph", "on"]
    assert gan(*options, "--trainer.max_steps", "12", folder="whole").trainer.global_step == 12
    gan(*options, folder="parts")
    gan(*options, "--trainer.max_steps", "12", "--ckpt_path", "last", folder="parts")
    whole, parts = last(tmp_path / "whole"), last(tmp_path / "parts")
    assert whole["global_step"] == parts["global_step"] == 12
    assert same(whole["state_dict"], parts["state_dict"])


def test_looking_at_a_captured_run_leaves_it_as_it_was(gan: Gan, tmp_path: Path) -> None:
    """Looks fall before the capture, after it, and within training steps of several iterations."""
    options = ["--trainer.accelerator", "gpu", "--trainer.devices", "1", "--model.cuda_graph", "on"]
    options += ["--model.iterations_per_batch", "3", "--trainer.max_steps", "12"]
    options += ["--trainer.limit_val_batches", "0", "--trainer.val_check_interval", "12"]
    looks = ["--diagnostics.of", "[gradient_norm,variance,norm_ratio,spectra,output]"]
    looks += ["--diagnostics.every_n_steps", "1", "--advisor.every_n_steps", "2"]
    gan(*options, "--advisor.every_n_steps", "0", folder="without")
    gan(*options, *looks, folder="with")
    one, two = last(tmp_path / "without"), last(tmp_path / "with")
    for key in ("state_dict", "optimizer_states"):
        assert same(one[key], two[key]), key
