"""Training on two processes: what one process does with the mean of both processes' gradients."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from gan_lightning.augmentation import as_they_are
from gan_lightning.draws import Draw, Own
from gan_lightning.losses import hinge
from gan_lightning.optim import GANAdam
from gan_lightning.players import Player, Update, descend
from gan_lightning.step import iteration
from tests.conftest import ROOT, same
from tests.ddp import KINDS, STEPS, Noting, build

pytestmark = pytest.mark.slow

OWN_IMAGES = ("running_mean", "running_var")
"""What each process keeps of its own images: no update looks at it."""


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two processes has after training every kind, from one start."""
    folder = tmp_path_factory.mktemp("ddp")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.ddp", str(folder)]
    subprocess.run(command, check=True, env=environment, cwd=ROOT, timeout=300)
    return [torch.load(folder / f"rank{rank}.pt", weights_only=False) for rank in (0, 1)]


class Meeting:
    """Two trainings in two threads, which wait for each other to have equal gradients.

    Args:
        models: The one and the other.
    """

    def __init__(self, models: Sequence[Noting]) -> None:
        self.models = models
        self.barrier = Barrier(2)

    def mean_(self, mine: int, tensors: Callable[[Noting], list[Tensor]]) -> None:
        """Gives both of them (a + b) / 2 in place of a and b; the first one does it for both."""
        self.barrier.wait(60)
        if mine == 0:
            for a, b in zip(*map(tensors, self.models), strict=True):
                a.copy_((a + b) / 2)
                b.copy_(a)
        self.barrier.wait(60)

    def update(self, mine: int, name: str, optimizer: torch.optim.Optimizer) -> Update:
        """The update of one network of one of them; an objective's state is the discriminator's."""

        def gradients(model: Noting) -> list[Tensor]:
            network: nn.Module = getattr(model, name)
            return [p.grad for p in network.parameters() if p.grad is not None]

        def state(model: Noting) -> list[Tensor]:
            return list(model.objective.buffers()) if isinstance(model.objective, nn.Module) else []

        def update(loss: Tensor) -> None:
            optimizer.zero_grad()
            loss.backward()
            self.mean_(mine, gradients)
            if name == "discriminator":
                self.mean_(mine, state)
            optimizer.step()

        return update

    def train(self, mine: int, seen: Sequence[tuple[Draw, Own | None]]) -> None:
        """All iterations of one of them."""
        model = self.models[mine]
        optimizers, schedules = model.configure_optimizers()
        names = "generator", "discriminator"
        G, D = (
            Player(getattr(model, name), self.update(mine, name, optimizer))
            for name, optimizer in zip(names, optimizers, strict=True)
        )
        G.refresh_()
        D.refresh_()
        view = as_they_are
        if model.augment is not None:
            view = partial(model.augment, value_range=model.generator.value_range)
        for draws, own in seen:
            iteration(G, D, model.objective, model.penalties, draws, own, view)
            for schedule in schedules:
                schedule["scheduler"].step()


def literally(kind: str, seen: Sequence[Any]) -> list[dict[str, Tensor]]:
    """The states of two trainings in one process that average each gradient by hand."""
    models = [build(kind), build(kind)]
    meeting = Meeting(models)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(meeting.train, range(2), seen))
    return [model.state_dict() for model in models]


def of_all(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Without what each process keeps of its own images."""
    return {name: value for name, value in state.items() if not name.endswith(OWN_IMAGES)}


@pytest.mark.parametrize("kind", KINDS)
def test_both_processes_end_with_the_same(trained: list[dict[str, Any]], kind: str) -> None:
    """Weights, vectors, state and moments, to the last bit; each from images of its own."""
    one, two = (rank[kind] for rank in trained)
    assert same(of_all(one["state"]), of_all(two["state"]))
    assert same(one["moments"], two["moments"])
    assert len(one["seen"]) == len(two["seen"]) == STEPS
    for (mine, my_own), (theirs, their_own) in zip(one["seen"], two["seen"], strict=True):
        pairs = list(zip(mine.tensors(), theirs.tensors(), strict=True))
        if my_own is not None:
            pairs += zip(my_own.tensors(), their_own.tensors(), strict=True)
        assert not any(torch.equal(a, b) for a, b in pairs if a.numel())


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_are_one_with_the_mean_of_both_gradients(
    trained: list[dict[str, Any]], kind: str
) -> None:
    """In every update of either network; and each of them alone would go another way."""
    seen = [rank[kind]["seen"] for rank in trained]
    literal, _ = literally(kind, seen)
    alone, _ = literally(kind, [seen[0], seen[0]])
    found = of_all(trained[0][kind]["state"])
    apart = 0.0
    for key, value in found.items():
        torch.testing.assert_close(value, literal[key], rtol=0, atol=1e-11)
        apart = max(apart, float((value - alone[key]).abs().max()))
    assert apart > 1e-6


def test_two_processes_are_one_with_both_batches(trained: list[dict[str, Any]]) -> None:
    """Where no image depends on others."""
    one = build()
    networks = one.generator, one.discriminator
    G, D = (Player(n, descend(GANAdam(n.parameters()))) for n in networks)
    for (mine, _), (theirs, _) in zip(*(rank["plain"]["seen"] for rank in trained), strict=True):
        both = zip(mine[:3], theirs[:3], strict=True)
        images, latents, mix = (torch.cat(parts, dim=1) for parts in both)
        iteration(G, D, hinge(), (), Draw(images, latents, mix))
    for key, value in one.state_dict().items():
        found = trained[0]["plain"]["state"][key]
        torch.testing.assert_close(found, value, rtol=0, atol=1e-11)


def test_state_of_an_objective_is_that_of_both_batches_together(
    trained: list[dict[str, Any]],
) -> None:
    """BEGAN's k, by its formula, on both."""
    ranks = [rank["began"] for rank in trained]
    k = 0.0
    for real, fake in zip(*(rank["energies"] for rank in ranks), strict=True):
        means = [(a + b) / 2 for a, b in zip(real, fake, strict=True)]
        k = min(1.0, max(0.0, k + 0.1 * (0.5 * means[0] - means[1])))
    for rank in ranks:
        assert float(rank["state"]["objective.k"]) == pytest.approx(k, abs=1e-12)
    assert k > 0
