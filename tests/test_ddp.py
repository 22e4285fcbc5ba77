"""Two processes train as one with all their images."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from gan_lightning.draws import Draw
from gan_lightning.losses import hinge
from gan_lightning.optim import GANAdam
from gan_lightning.players import Player, descend
from gan_lightning.step import iteration
from tests.conftest import ROOT, same
from tests.ddp import build


@pytest.mark.slow
def test_two_processes_are_one_with_both_batches(tmp_path: Path) -> None:
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.ddp", str(tmp_path)]
    subprocess.run(command, check=True, env=environment, cwd=ROOT, timeout=180)
    ranks = [torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1)]
    assert same(ranks[0]["state"], ranks[1]["state"])
    for mine, theirs in zip(*(rank["seen"][0] for rank in ranks), strict=True):
        assert mine.numel() == 0 or not torch.equal(mine, theirs)

    one = build()
    networks = one.generator, one.discriminator
    G, D = (Player(n, descend(GANAdam(n.parameters()))) for n in networks)
    for seen in zip(*(rank["seen"] for rank in ranks), strict=True):
        images, latents, mix = (torch.cat(parts, dim=1) for parts in zip(*seen, strict=True))
        iteration(G, D, hinge(), (), Draw(images, latents, mix))
    for key, value in one.state_dict().items():
        torch.testing.assert_close(ranks[0]["state"][key], value, rtol=0, atol=1e-11)
