"""How fast batches and prepared arrays are, beside the usual way, in one interleaved run.

python -m benchmarks.data [--out results.json]

Goals: a batch at 32x32x3 and size 64, as floats on the device, in at most 1/10 of the time of a
torchvision dataset and a DataLoader; less than 1 GiB of memory while training on an array as large
as ILSVRC2012 at 128x128; at least 1.7 times the speed when 2 processes prepare JPEGs, not 1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, RandomSampler
from torchvision.datasets import CIFAR10
from torchvision.transforms import Compose, Normalize, ToTensor

from gan_lightning.data import folder, prepare
from gan_lightning.data.loading import (
    DeviceCache,
    HostImages,
    Picker,
    PickLoader,
    PixelLoader,
    Spans,
    to_batch,
)
from gan_lightning.data.prepared import Prepared
from gan_lightning.data.sampling import Replacement

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
BATCH = 64
RANGE = (-1.0, 1.0)


class MadeCIFAR10(CIFAR10):  # type: ignore[misc]  # torchvision has no types
    """Torchvision's dataset over made images."""

    def __init__(self, images: np.ndarray) -> None:
        self.data = images
        self.targets = [0] * len(images)
        self.transform = Compose([ToTensor(), Normalize(0.5, 0.5)])
        self.target_transform = None


def torchvision_batches(images: np.ndarray) -> Iterator[Tensor]:
    dataset = MadeCIFAR10(images)
    sampler = RandomSampler(dataset, replacement=True, num_samples=10**9)
    for batch, _ in DataLoader(dataset, BATCH, sampler=sampler, num_workers=0):
        yield batch.to(DEVICE)


def picker(count: int, size: int) -> Picker:
    return Picker(Replacement(count, size, seed=0, rank=0), size, seed=0, rank=0, flip=False)


def cached_batches(prepared: Prepared) -> Iterator[Tensor]:
    cache = DeviceCache.load(prepared, DEVICE)
    for picks in PickLoader(Spans(0, 10**9, 1, 0), picker(len(prepared.images), BATCH)):
        on_device = picks._replace(indices=picks.indices.to(DEVICE))
        yield to_batch(cache.take(on_device), RANGE).images


def host_batches(prepared: Prepared, workers: int = 0) -> Iterator[Tensor]:
    images = HostImages(prepared, picker(len(prepared.images), BATCH))
    spans = Spans(0, 10**9, 1, 0)
    for pixels in PixelLoader(images, sampler=spans, batch_size=None, num_workers=workers):
        on_device = pixels._replace(images=pixels.images.to(DEVICE))
        yield to_batch(on_device, RANGE).images


def microseconds(batches: Iterable[Tensor], count: int) -> float:
    """Time per batch, of ``count`` batches."""
    began = time.perf_counter()
    for _ in itertools.islice(batches, count):
        pass
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - began) / count * 1e6


def fetch(home: Path) -> dict[str, float]:
    """Batches of 64 images of 32x32x3 on one thread: medians of interleaved rounds."""
    torch.set_num_threads(1)
    images = np.random.default_rng(0).integers(0, 256, (50_000, 32, 32, 3), np.uint8)
    np.save(home / "images.npy", images)
    mapped = np.load(home / "images.npy", mmap_mode="r")
    prepared = Prepared(mapped, np.zeros(len(images), np.int64), "", home / "images.npy")
    ways = {
        "torchvision": (torchvision_batches(images), 20),
        "device cache": (cached_batches(prepared), 200),
        "host": (host_batches(prepared), 200),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(15):
        for name, (batches, count) in ways.items():
            times[name].append(microseconds(batches, count))
    result = {f"{name}, microseconds": median(values) for name, values in times.items()}
    for name in ("device cache", "host"):
        ratios = [a / b for a, b in zip(times[name], times["torchvision"], strict=True)]
        result[f"{name} / torchvision"] = median(ratios)
    return result


def resident_gib() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**30


def memory(home: Path) -> dict[str, float]:
    """Growth of the resident set over 1,000 batches out of a sparse array of 63 GB."""
    path = home / "imagenet.npy"
    shape = (1_281_167, 128, 128, 3)
    np.lib.format.open_memmap(path, "w+", np.uint8, shape)
    prepared = Prepared(np.load(path, mmap_mode="r"), None, "", path)
    before = resident_gib()
    microseconds(host_batches(prepared), 1000)
    read = 1000 * BATCH * prepared.images[0].nbytes / 2**30
    grown = resident_gib() - before
    path.unlink()
    return {"array, GiB": prepared.images.nbytes / 2**30, "read, GiB": read, "growth, GiB": grown}


def preparing(home: Path, count: int = 2400, rounds: int = 5) -> dict[str, float]:
    """Preparing JPEGs of 500x375 to 128x128, by 1 and by 2 processes in turn."""
    rng = np.random.default_rng(0)
    for number in range(count):
        small = Image.fromarray(rng.integers(0, 256, (24, 32, 3), np.uint8))
        path = home / "jpegs" / str(number % 10) / f"{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        small.resize((500, 375), Image.Resampling.BICUBIC).save(path, quality=90)
    times: dict[int, list[float]] = {1: [], 2: []}
    busy: dict[int, list[float]] = {1: [], 2: []}
    for turn, processes in itertools.product(range(rounds), times):
        place = str(home / f"{turn} {processes}")
        data = folder(root=str(home / "jpegs"), size=128, prepared_root=place)
        before = processor_seconds()
        times[processes].append(seconds(partial(prepare, data, processes)))
        busy[processes].append(processor_seconds() - before)
    ratios = [one / two for one, two in zip(times[1], times[2], strict=True)]
    return {
        "1 process, images/s": count / median(times[1]),
        "2 processes, images/s": count / median(times[2]),
        "2 processes / 1": median(ratios),
        "2 / 1, processor time": median(busy[2]) / median(busy[1]),
    }


def seconds(job: Callable[[], None]) -> float:
    began = time.perf_counter()
    job()
    return time.perf_counter() - began


def processor_seconds() -> float:
    """Time that this process and its children have had; a busy machine does not change it."""
    uses = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(use.ru_utime + use.ru_stime for use in uses)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as home:
        parts = {"fetch": fetch, "memory": memory, "preparing": preparing}
        results = {name: part(Path(home)) for name, part in parts.items()}
    for name, values in results.items():
        for what, value in values.items():
            print(f"{name:10} {what:28} {value:12.4g}")
    goals = {
        "fetch <= 1/10": results["fetch"]["device cache / torchvision"] <= 0.1,
        "memory < 1 GiB": results["memory"]["growth, GiB"] < 1,
        "preparing >= 1.7": results["preparing"]["2 processes / 1"] >= 1.7,
    }
    print("\n".join(f"{'reached' if met else 'MISSED'}: {goal}" for goal, met in goals.items()))
    if out:
        record = {"device": str(DEVICE), "threads": torch.get_num_threads(), **results}
        out.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
