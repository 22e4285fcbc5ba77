"""Timing that survives a noisy machine: rounds of all variants in turn, ratios of medians."""

from __future__ import annotations

import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightning
import torch

RESULTS = Path(__file__).parent / "results"

Work = Callable[[], object]
Clock = Callable[[], float]


@dataclass(frozen=True)
class Timing:
    """Seconds of one variant, and their ratio to a baseline's of the same round."""

    seconds: float
    ratio: float
    spread: tuple[float, float]

    def row(self) -> dict[str, Any]:
        """For a results file."""
        return {
            "seconds": round(self.seconds, 6),
            "ratio": round(self.ratio, 4),
            "quartiles": [round(x, 4) for x in self.spread],
        }


def synchronize() -> None:
    """Waits for the GPU, if there is one."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(work: Work, repeat: int = 1, clock: Clock = time.perf_counter) -> float:
    """Wall time of one call, or that of another clock, averaged over ``repeat`` calls."""
    synchronize()
    start = clock()
    for _ in range(repeat):
        work()
    synchronize()
    return (clock() - start) / repeat


def interleaved(
    variants: Mapping[str, Work],
    baseline: str,
    rounds: int,
    repeat: int = 1,
    clock: Clock = time.perf_counter,
) -> dict[str, Timing]:
    """Times every variant once a round, ``rounds`` times.

    Args:
        variants: What to time.
        baseline: The variant that ratios are relative to.
        rounds: How many times each is timed, after one round of warming up.
        repeat: Calls that make one timing.
        clock: Wall time, or on a CPU shared with others `time.process_time`.

    Returns:
        For each variant the median of its seconds and of its ratios, with quartiles.
    """
    for work in variants.values():
        seconds(work)
    times: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, work in variants.items():
            times[name].append(seconds(work, repeat, clock))
    timings = {}
    for name, own in times.items():
        ratios = [a / b for a, b in zip(own, times[baseline], strict=True)]
        low, _, high = statistics.quantiles(ratios, n=4)
        timings[name] = Timing(statistics.median(own), statistics.median(ratios), (low, high))
    return timings


def machine() -> dict[str, str]:
    """What was measured on."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    can = torch.cpu.get_capabilities()
    halves = [name for name in ("amx_bf16", "avx512_bf16") if can.get(name)]
    return {
        "processor": platform.machine(),
        "cores": str(len(os.sched_getaffinity(0))),
        "threads": str(torch.get_num_threads()),
        "bf16 instructions": ", ".join(halves) or "none",
        "gpu": gpu,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "lightning": lightning.__version__,
    }


def save(name: str, content: Mapping[str, Any]) -> None:
    """Writes ``results/NAME.json``."""
    RESULTS.mkdir(exist_ok=True)
    text = json.dumps({"machine": machine(), **content}, indent=1)
    (RESULTS / f"{name}.json").write_text(text + "\n")


def show(title: str, timings: Mapping[str, Timing]) -> None:
    """Prints a table of ratios."""
    print(f"\n{title}")
    for name, timing in timings.items():
        low, high = timing.spread
        time_ = f"{timing.seconds * 1e3:10.2f} ms"
        print(f"  {name:34s} {time_}  {timing.ratio:6.3f} [{low:.3f}, {high:.3f}]")
