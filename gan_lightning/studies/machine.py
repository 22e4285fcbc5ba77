"""What this machine has for the workers of a study, and what each of them gets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def visible_gpus(count: int, environment: Mapping[str, str]) -> list[str]:
    """The names by which CUDA knows the GPUs that this process may use.

    Args:
        count: How many torch sees.
        environment: Of this process.

    >>> visible_gpus(2, {}), visible_gpus(2, {"CUDA_VISIBLE_DEVICES": "3,5"})
    (['0', '1'], ['3', '5'])
    """
    named = environment.get("CUDA_VISIBLE_DEVICES")
    names = [name.strip() for name in named.split(",")] if named else []
    return names[:count] if len(names) >= count else [str(k) for k in range(count)]


def share(worker: int, workers: int, gpus: Sequence[str], cores: int) -> dict[str, str]:
    """The environment variables of one worker: its GPUs, and its threads.

    With fewer workers than GPUs each gets several, for ``--trainer.devices``; with more, several
    share one.

    >>> share(1, 2, ["0", "1", "2", "3"], 8)
    {'OMP_NUM_THREADS': '4', 'CUDA_VISIBLE_DEVICES': '2,3'}
    >>> share(3, 4, ["0", "1"], 2)
    {'OMP_NUM_THREADS': '1', 'CUDA_VISIBLE_DEVICES': '1'}
    >>> share(0, 1, [], 2)
    {'OMP_NUM_THREADS': '2'}
    """
    own = {"OMP_NUM_THREADS": str(max(1, cores // workers))}
    if not gpus:
        return own
    each = max(1, len(gpus) // workers)
    first = worker * each % len(gpus)
    return {**own, "CUDA_VISIBLE_DEVICES": ",".join(gpus[first : first + each])}
