"""What this machine has for the workers of a study is shared out whole and evenly."""

from __future__ import annotations

import os
from collections import Counter

import pytest

from gan_lightning.studies.machine import cores, share, visible_gpus


def test_cores_are_those_that_this_process_may_use(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not those of the machine: a cluster's job or a container has some of them."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 3, 5}, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    assert cores() == 3
    monkeypatch.delattr(os, "sched_getaffinity")  # as on macOS
    assert cores() == 64
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1


@pytest.mark.parametrize(
    ("count", "named", "names"),
    [
        (0, None, []),
        (0, "", []),
        (2, None, ["0", "1"]),
        (2, " 3 , 5", ["3", "5"]),
        (1, "3,5,-1", ["3"]),
        (2, "GPU-8a,MIG-1b", ["GPU-8a", "MIG-1b"]),
        (2, "7", ["0", "1"]),
    ],
)
def test_gpus_go_by_the_names_that_cuda_was_given(
    count: int, named: str | None, names: list[str]
) -> None:
    """As many as torch sees; by number where there are fewer names than those."""
    environment = {} if named is None else {"CUDA_VISIBLE_DEVICES": named}
    assert visible_gpus(count, environment) == names


def given(workers: int, gpus: int) -> list[list[str]]:
    """The GPUs of each worker."""
    names = [str(k) for k in range(gpus)]
    shares = (share(worker, workers, names, 8) for worker in range(workers))
    return [own["CUDA_VISIBLE_DEVICES"].split(",") for own in shares]


@pytest.mark.parametrize(("workers", "gpus"), [(1, 1), (1, 4), (2, 4), (4, 4), (3, 7)])
def test_no_two_workers_share_a_gpu_while_there_are_enough(workers: int, gpus: int) -> None:
    found = given(workers, gpus)
    assert [len(own) for own in found] == [gpus // workers] * workers
    assert max(Counter(gpu for own in found for gpu in own).values()) == 1


@pytest.mark.parametrize(("workers", "gpus"), [(4, 2), (5, 2), (8, 3), (3, 1)])
def test_more_workers_than_gpus_are_spread_evenly(workers: int, gpus: int) -> None:
    found = given(workers, gpus)
    assert all(len(own) == 1 for own in found)
    counts = Counter(gpu for own in found for gpu in own)
    assert len(counts) == gpus
    assert max(counts.values()) - min(counts.values()) <= 1


@pytest.mark.parametrize(
    ("workers", "threads"), [(1, "8"), (2, "4"), (3, "2"), (8, "1"), (20, "1")]
)
def test_threads_of_all_workers_are_no_more_than_the_cores(workers: int, threads: str) -> None:
    """And each has one at least."""
    assert share(0, workers, [], 8) == {"OMP_NUM_THREADS": threads}
    assert share(workers - 1, workers, ["0"], 8)["OMP_NUM_THREADS"] == threads
