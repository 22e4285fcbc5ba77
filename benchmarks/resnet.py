"""The ResNets beside their unfolded selves, in one run: ``python -m benchmarks.resnet``.

The baseline is a plain loop with torch's spectral_norm over networks as one writes them from the
tables. Prints ratios and exact FLOPs, and writes ``results/resnet.json``.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.peers import plain_iteration, stock
from benchmarks.plain_resnet import unfolded
from benchmarks.step import Step
from benchmarks.timing import Clock, Work, interleaved, save, show
from gan_lightning.draws import Draw
from gan_lightning.losses import hinge
from gan_lightning.networks import ResNetDiscriminator, ResNetGenerator
from gan_lightning.normalization import Norm, bssn, none, normalize_, sn
from gan_lightning.players import Player, descend
from gan_lightning.step import iteration

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
BASE = "plain loop, unfolded, torch spectral_norm"


class Variant(NamedTuple):
    """A way to train; the project's step comes with its layout and optimizer."""

    step: Step
    norm: Norm
    folded: bool
    ours: bool


VARIANTS = {
    BASE: Variant(plain_iteration, stock, folded=False, ours=False),
    "plain loop, folded, torch spectral_norm": Variant(plain_iteration, stock, True, ours=False),
    "this step, unfolded, sn": Variant(iteration, sn(), folded=False, ours=True),
    "this step, folded, sn": Variant(iteration, sn(), folded=True, ours=True),
    "this step, folded, bssn": Variant(iteration, bssn(1.2), folded=True, ours=True),
}


FEW = (BASE, "this step, folded, sn")


def build(
    variant: Variant, size: int, batch: int, n_dis: int = 1, device: str = DEVICE, width: int = 0
) -> Work:
    """One iteration of a variant on fixed inputs; ``width`` in place of the papers'."""
    torch.manual_seed(0)
    shape = (3, size, size)
    with torch.device(device):
        networks = (
            ResNetGenerator(shape, width=2 * width or None),
            ResNetDiscriminator(shape, width=width or None),
        )
    layout = torch.channels_last if variant.ours else torch.contiguous_format
    for network in networks:
        network.to(memory_format=layout)
        if not variant.folded:
            unfolded(network)
    normalize_(networks[1], variant.norm, torch.zeros(1, *shape))
    fused = variant.ours and device != "meta"
    foreach = True if device == "meta" else None
    adam = partial(torch.optim.Adam, lr=2e-4, betas=(0.0, 0.9), fused=fused, foreach=foreach)
    players = [Player(n, descend(adam(n.parameters()))) for n in networks]
    images = torch.randn(n_dis * batch, *shape).contiguous(memory_format=layout)
    latents = torch.randn(n_dis, batch, 128, device=device)
    images = images.to(device).unflatten(0, (n_dis, batch))
    draws = Draw(images, latents, latents.new_empty(n_dis, 0))

    return lambda: variant.step(*players, hinge(), (), draws)


def flops(work: Work) -> int:
    """Floating point operations of one iteration, past the first one."""
    work()
    with FlopCounterMode(display=False) as counter:
        work()
    total: int = counter.get_total_flops()
    return total


def counts(size: int) -> dict[str, float]:
    """FLOPs of one iteration of each kind at batch 2, relative to the plain one: exact."""
    kinds = {
        "plain loop, unfolded": Variant(plain_iteration, none(), folded=False, ours=False),
        "plain loop, folded": Variant(plain_iteration, none(), folded=True, ours=False),
        "this step, unfolded": Variant(iteration, none(), folded=False, ours=True),
        "this step, folded": Variant(iteration, none(), folded=True, ours=True),
    }
    totals = {name: flops(build(kind, size, 2, device="meta")) for name, kind in kinds.items()}
    base = totals["plain loop, unfolded"]
    ratios = {name: round(total / base, 4) for name, total in totals.items()}
    print(f"\nFLOPs of one iteration at {size}x{size}, relative to the plain loop")
    for name, ratio in ratios.items():
        print(f"  {name:24s} {ratio:.4f}")
    return ratios


def compare(
    batch: int, n_dis: int, rounds: int, names: Sequence[str], clock: Clock
) -> dict[str, Any]:
    """Times of one iteration of ResNet-32 of each variant, in turn."""
    works = {name: build(VARIANTS[name], 32, batch, n_dis) for name in names}
    timings = interleaved(works, BASE, rounds, clock=clock)
    show(f"ResNet-32, batch {batch}, n_dis {n_dis}, relative to the first", timings)
    return {name: timing.row() for name, timing in timings.items()}


def main() -> None:
    """Counts and times."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--batch", type=int, default=8, help="images of an update")
    parser.add_argument("--rounds", type=int, default=9, help="timings of each variant")
    parser.add_argument(
        "--shared", action="store_true", help="the machine has other work: take processor time"
    )
    options = parser.parse_args()
    batch, rounds = options.batch, options.rounds
    clock = time.process_time if options.shared else time.perf_counter
    content: dict[str, Any] = {
        "clock": "processor time, on a shared machine" if options.shared else "wall time",
        "flops": {size: counts(size) for size in (32, 48, 64, 128)},
        f"resnet_32_batch_{batch}": compare(batch, 1, rounds, list(VARIANTS), clock),
        f"resnet_32_batch_{batch}_n_dis_5": compare(batch, 5, max(3, rounds // 3), FEW, clock),
    }
    save("resnet", content)


if __name__ == "__main__":
    main()
