"""The iteration beside its peers, in one run: ``python -m benchmarks.step [--rounds N]``.

Prints ratios and writes ``results/step.json``. On a GPU it adds the captured CUDA graph and the
compiled step, iterations per second, memory, and the time of the papers' 400,000 iterations.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from benchmarks import end_to_end
from benchmarks.counting import CountOperations
from benchmarks.peers import naive, plain_iteration, stock
from benchmarks.timing import Work, interleaved, save, seconds, show
from gan_lightning.draws import Draw, Own
from gan_lightning.graph import GraphedIteration
from gan_lightning.losses import hinge
from gan_lightning.networks import CNNDiscriminator, CNNGenerator
from gan_lightning.normalization import Norm, bssn, none, normalize_, sn, sn_conv
from gan_lightning.optim import GANAdam
from gan_lightning.players import Player, descend
from gan_lightning.step import iteration

SHAPE = (3, 32, 32)
DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
Step = Callable[..., Tensor]

# name: step, norm of the discriminator, whether laid out and optimized as the project does
VARIANTS: dict[str, tuple[Step, Norm, bool]] = {
    "plain loop, none": (plain_iteration, none(), False),
    "plain loop, torch spectral_norm": (plain_iteration, stock, False),
    "plain loop, naive SN": (plain_iteration, naive(bidirectional=False), False),
    "plain loop, naive BSSN": (plain_iteration, naive(), False),
    "this step, none": (iteration, none(), True),
    "this step, sn": (iteration, sn(), True),
    "this step, bssn": (iteration, bssn(1.2), True),
    "this step, sn_conv": (iteration, sn_conv(), True),
}

PASSES = "eight passes over D's weights, nothing else"


def build(
    step: Step,
    norm: Norm,
    ours: bool,
    batch: int,
    n_dis: int = 1,
    bf16: bool = False,
    how: Literal["eager", "compiled", "graph"] = "eager",
) -> Work:
    """One iteration of a variant on fixed inputs."""
    torch.manual_seed(0)
    generator, discriminator = CNNGenerator(SHAPE), CNNDiscriminator(SHAPE)
    layout = torch.channels_last if ours else torch.contiguous_format
    for network in (generator, discriminator):
        network.to(DEVICE).to(memory_format=layout)
    normalize_(discriminator, norm, torch.zeros(1, *SHAPE))
    adam = GANAdam if ours else partial(torch.optim.Adam, lr=1e-4, betas=(0.5, 0.999))
    optimizers = [adam(network.parameters()) for network in (generator, discriminator)]
    networks = generator, discriminator
    players = [Player(n, descend(o)) for n, o in zip(networks, optimizers, strict=True)]
    images = torch.randn(n_dis * batch, *SHAPE, device=DEVICE).contiguous(memory_format=layout)
    images = images.unflatten(0, (n_dis, batch))
    latents = torch.randn(n_dis, batch, 128, device=DEVICE)
    draws = Draw(images, latents, latents.new_empty(n_dis, 0))

    def iterate(draws: Draw, own: Own | None = None) -> Tensor:
        with torch.autocast(DEVICE, torch.bfloat16, enabled=bf16):
            return step(*players, hinge(), (), draws)

    if how == "graph":
        graphed = GraphedIteration(iterate, optimizers, lambda reason: print("no graph:", reason))
        return lambda: graphed(draws, None)
    if how == "compiled":
        compiled = torch.compile(iterate)
        return lambda: compiled(draws)
    return lambda: iterate(draws)


def compare(batch: int, n_dis: int, rounds: int, names: list[str]) -> dict[str, Any]:
    """Ratios to the plain loop without normalization, in fp32, and this step in bf16."""
    works = {name: build(*VARIANTS[name], batch, n_dis) for name in names}
    if "this step, bssn" in names:
        works["this step, bssn, bf16"] = build(*VARIANTS["this step, bssn"], batch, n_dis, True)
    timings = interleaved(works, "plain loop, none", rounds)
    show(f"batch {batch}, n_dis {n_dis}, relative to the plain loop without normalization", timings)
    return {name: timing.row() for name, timing in timings.items()}


def eight_passes() -> Work:
    """Moves as many bytes as spectral normalization of the discriminator cannot do without.

    W is read by A^T u and by A v; read, and the normalized weight N written, by N = gain * W; N and
    its gradient are read by their inner product; the gradient is read and written to become W's.
    """
    weights = [p.detach() for p in CNNDiscriminator(SHAPE).to(DEVICE).parameters() if p.dim() > 1]
    copies = [w.clone() for w in weights]

    def work() -> None:
        for _ in range(4):  # a copy is two passes, one that reads and one that writes
            for weight, copy in zip(weights, copies, strict=True):
                copy.copy_(weight)

    return work


def taxes(batch: int, rounds: int) -> dict[str, Any]:
    """What each normalization costs in the same step."""
    names = [name for name in VARIANTS if name.startswith("this step")]
    works = {name: build(*VARIANTS[name], batch) for name in names}
    works[PASSES] = eight_passes()
    timings = interleaved(works, "this step, none", rounds)
    show(f"norm tax at batch {batch}, relative to the same step without normalization", timings)
    return {name: timing.row() for name, timing in timings.items()}


def against_stock(batch: int, rounds: int) -> dict[str, Any]:
    """This step with BSSN against the plain loop with torch's spectral_norm."""
    base = "plain loop, torch spectral_norm"
    works = {name: build(*VARIANTS[name], batch) for name in (base, "this step, bssn")}
    works["this step, bssn, bf16"] = build(*VARIANTS["this step, bssn"], batch, 1, True)
    timings = interleaved(works, base, rounds)
    show(f"batch {batch}, relative to the plain loop with torch's spectral_norm", timings)
    return {name: timing.row() for name, timing in timings.items()}


def counts() -> dict[str, dict[str, int]]:
    """Floating point operations and operations of one iteration at batch 4: exact."""
    table = {}
    for name, variant in VARIANTS.items():
        work = build(*variant, 4)
        work()
        with FlopCounterMode(display=False) as flops:
            work()
        with CountOperations() as operations:
            work()
        table[name] = {"flops": flops.get_total_flops(), "operations": operations.operations}
        print(
            f"  {name:34s} {table[name]['flops']:>14,} FLOPs {operations.operations:>6} operations"
        )
    return table


def peaks(batch: int) -> dict[str, float]:
    """GFLOP/s of a large matrix product, of a large convolution, and of the iteration."""
    a = torch.randn(2048, 2048, device=DEVICE)
    x = torch.randn(64, 128, 32, 32, device=DEVICE).contiguous(memory_format=torch.channels_last)
    conv = torch.nn.Conv2d(128, 128, 3, padding=1, bias=False).to(DEVICE)
    conv.to(memory_format=torch.channels_last)
    work = build(*VARIANTS["this step, bssn"], batch)
    rates = {}
    with torch.no_grad():
        tasks: dict[str, Work] = {"matmul": lambda: a @ a, "convolution": lambda: conv(x)}
        for name, task in tasks.items():
            rates[name] = _rate(task)
    rates["iteration"] = _rate(work)
    print(f"\nGFLOP/s at batch {batch}: " + ", ".join(f"{k} {v:.0f}" for k, v in rates.items()))
    return {name: round(rate, 1) for name, rate in rates.items()}


def _rate(work: Work) -> float:
    with FlopCounterMode(display=False) as flops:
        work()
    total: int = flops.get_total_flops()
    return total / min(seconds(work) for _ in range(5)) / 1e9


def on_gpu(batch: int, rounds: int) -> dict[str, Any]:
    """Eager, compiled and captured; iterations per second and the time of 400,000 of them."""
    step, norm = iteration, bssn(1.2)
    kinds: tuple[Literal["eager", "compiled", "graph"], ...] = ("eager", "compiled", "graph")
    works: dict[str, Work] = {k: build(step, norm, True, batch, how=k) for k in kinds}
    works["naive"] = build(*VARIANTS["plain loop, naive BSSN"], batch)
    works["graph, bf16"] = build(step, norm, True, batch, bf16=True, how="graph")
    for work in works.values():
        for _ in range(5):  # past the warming up of graphs
            work()
    torch.cuda.reset_peak_memory_stats()
    timings = interleaved(works, "eager", rounds, repeat=20)
    show(f"GPU, batch {batch}, BSSN, relative to eager", timings)
    rows = {}
    for name, timing in timings.items():
        rate, hours = 1 / timing.seconds, 400_000 * timing.seconds / 3600
        rows[name] = {**timing.row(), "per_second": rate, "hours_of_400k": hours}
        print(f"  {name:12s} {rate:8.0f} iterations/s; 400,000 in {hours:.2f} h")
    rows["memory"] = {"mib": torch.cuda.max_memory_allocated() / 2**20}
    return rows


def main() -> None:
    """Measures everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15, help="timings of each variant")
    rounds = parser.parse_args().rounds
    few = ["plain loop, none", "plain loop, torch spectral_norm", "this step, none"]
    few += ["this step, bssn"]
    print("counts of one iteration at batch 4")
    content: dict[str, Any] = {
        "counts": counts(),
        "norm_tax_batch_8": taxes(8, 5 * rounds),
        "stock_batch_8": against_stock(8, rounds),
        "stock_batch_64": against_stock(64, max(3, rounds // 2)),
        "all_batch_8": compare(8, 1, rounds, list(VARIANTS)),
        "all_batch_64": compare(64, 1, max(3, rounds // 3), list(VARIANTS)),
        "n_dis_5_batch_8": compare(8, 5, max(3, rounds // 3), few),
        "end_to_end": end_to_end.measure(rounds),
        "gflops": peaks(64),
    }
    if DEVICE == "cuda":
        content["gpu"] = on_gpu(64, rounds)
    save("step", content)


if __name__ == "__main__":
    main()
