"""What only a GPU can show: ``pytest -m gpu`` on a machine that has one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from gan_lightning.graph import GraphedIteration
from gan_lightning.losses import hinge
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import bssn, normalize_
from gan_lightning.optim import GANAdam
from gan_lightning.step import descend, iteration
from tests.conftest import Gan, last, same

pytestmark = pytest.mark.gpu
SHAPE = (3, 16, 16)


@pytest.mark.parametrize("n_dis", [1, 3])
def test_a_captured_iteration_is_the_eager_one(n_dis: int) -> None:
    results = []
    for graphed in (False, True):
        torch.manual_seed(0)
        networks = [CNNGenerator(SHAPE, 16, width=8), CNNDiscriminator(SHAPE, width=8)]
        for network in networks:
            network.cuda().to(memory_format=torch.channels_last)
        generator, discriminator = networks
        normalize_(discriminator, bssn(1.2), SHAPE)
        optimizers = [GANAdam(network.parameters()) for network in networks]
        updates = [descend(optimizer) for optimizer in optimizers]

        def eager(
            images: torch.Tensor,
            latents: torch.Tensor,
            parts: tuple[object, ...] = (generator, discriminator, hinge(), *updates),
        ) -> torch.Tensor:
            return iteration(*parts, images, latents)  # type: ignore[arg-type, call-arg]

        iterate = GraphedIteration(eager, optimizers, pytest.fail) if graphed else eager
        rng = torch.Generator("cuda").manual_seed(1)
        losses = [
            iterate(
                torch.randn(n_dis, 8, *SHAPE, device="cuda", generator=rng),
                torch.randn(n_dis, 8, 16, device="cuda", generator=rng),
            )
            for _ in range(8)
        ]
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
