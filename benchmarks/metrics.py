"""Scores: accuracy, arithmetic time, memory, and the extractor's share of an evaluation.

``python -m benchmarks.metrics [--images N] [--out FILE]`` prints a table and writes it as JSON.
Competitors take turns in one process; what is reported is medians and their ratios.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import platform
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import scipy.linalg
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3

from gan_lightning.extractors.base import FeatureExtractor, file_sha256
from gan_lightning.extractors.digits import digits
from gan_lightning.extractors.inception import inception, torch_fidelity_network
from gan_lightning.extractors.train_digits import digit_images
from gan_lightning.networks import CNNGenerator
from gan_lightning.scores.fid import Gaussian, Moments, frechet_distance
from gan_lightning.scores.generated import GeneratedImages
from gan_lightning.scores.inception_score import InceptionScore
from gan_lightning.scores.protocol import monitor, paper
from gan_lightning.scores.scoring import Judge
from gan_lightning.scores.sources import NoiseImages
from tests.callbacks import runs

Array = NDArray[np.float64]
CPU = torch.device("cpu")
DIMENSIONS = 2048


def features(n: int, seed: int) -> Array:
    """Like pool_3 of Inception: 2048 positive, skewed, correlated numbers around 0.4."""
    rng = np.random.default_rng(seed)
    mixing = np.random.default_rng(9).standard_normal((DIMENSIONS, DIMENSIONS)) / 45
    noise: Array = rng.standard_normal((n, DIMENSIONS)) @ (
        mixing * np.geomspace(2, 2e-2, DIMENSIONS)[:, None]
    )
    return np.maximum(noise * (1 + 0.1 * seed) + 0.3 + 0.02 * seed, 0)


def gaussian(x: Array) -> Gaussian:
    moments = Moments(DIMENSIONS)
    for batch in torch.from_numpy(x).split(64):
        moments.update(batch)
    return moments.gaussian()


def sqrtm_route(x: Array, y: Array) -> Callable[[], float]:
    """FID by scipy's matrix square root, as pytorch-fid computes it."""
    a, b = np.cov(x, rowvar=False), np.cov(y, rowvar=False)
    shift = x.mean(0) - y.mean(0)

    def distance() -> float:
        root = scipy.linalg.sqrtm(a @ b)
        return float(shift @ shift + np.trace(a) + np.trace(b) - 2 * np.trace(root.real))

    return distance


def by_samples(x: Array, y: Array) -> float:
    """FID in float64 by the singular values of the centred samples' product."""
    a, b = ((z - z.mean(0)) / np.sqrt(len(z) - 1) for z in (x, y))
    shift = x.mean(0) - y.mean(0)
    roots = scipy.linalg.svdvals(a @ b.T)
    return float(shift @ shift + (a**2).sum() + (b**2).sum() - 2 * roots.sum())


def frechet(repeats: int) -> dict[str, Any]:
    """Errors and times of the Fréchet distance at 2048 dimensions."""
    x, y, few = features(5000, 1), features(6000, 2), features(800, 3)
    a, b, c = gaussian(x), gaussian(y), gaussian(few)
    reference = sqrtm_route(x, y)
    ours: list[float] = []
    theirs: list[float] = []
    singular: list[float] = []
    for _ in range(repeats):
        value, seconds = timed(lambda: frechet_distance(a, b))
        ours.append(seconds)
        expected, seconds = timed(reference)
        theirs.append(seconds)
        value_of_few, seconds = timed(lambda: frechet_distance(a, c))
        singular.append(seconds)
    exact = by_samples(x, few)
    return {
        "fid_relative_error_n_above_d": abs(value / expected - 1),
        "fid_relative_error_n_below_d": abs(value_of_few / exact - 1),
        "fid_of_identical_sets": frechet_distance(a, a),
        "fid_seconds": statistics.median(ours),
        "fid_seconds_n_below_d": statistics.median(singular),
        "fid_seconds_sqrtm": statistics.median(theirs),
        "fid_time_over_sqrtm": statistics.median(ours) / statistics.median(theirs),
    }


def timed(action: Callable[[], float]) -> tuple[float, float]:
    start = time.perf_counter()
    value = action()
    return value, time.perf_counter() - start


def seconds(network: nn.Module, pixels: Tensor) -> float:
    """How long a network takes for some images."""
    return timed(lambda: float(network(pixels)[0].sum()))[1]


def inception_score_error(scale: float) -> float:
    """Largest relative error of the inception score against its definition in float64."""
    rng = np.random.default_rng(0)
    logits = scale * rng.standard_normal((5000, 1000))
    metric = InceptionScore(1000, 10, 5000)
    for index in torch.arange(5000).split(64):
        metric.update(torch.from_numpy(logits)[index], index)
    scores = []
    for split in range(10):
        z = logits[split::10]
        p = np.exp(z - z.max(1, keepdims=True))
        p /= p.sum(1, keepdims=True)
        p[p < 1e-300] = 0  # its mean might underflow
        ratio = np.divide(p, p.mean(0), out=np.ones_like(p), where=p > 0)
        scores.append(np.exp((p * np.log(ratio)).sum(1).mean()))
    return abs(float(metric.compute()[0]) / float(np.mean(scores)) - 1)


def score_noise(count: int) -> None:
    judge = Judge(digits(), monitor(is_images=count, fid_generated=count, fid_real=1000))
    judge.prepare((1, 16, 16))
    real = judge.statistics(digit_images()[0].numpy(), "digits", CPU)
    judge.score(NoiseImages((1, 16, 16), count), real, CPU)


def memory(count: int) -> float:
    """Peak memory of a process that scores so many images, in MiB."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, context) as pool:
        return pool.submit(_peak_memory, count).result()


def _peak_memory(count: int) -> float:
    torch.set_num_threads(1)
    score_noise(count)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


class Timed(FeatureExtractor):
    """Another extractor, with a clock."""

    def __init__(self, extractor: FeatureExtractor) -> None:
        super().__init__()
        self.extractor = extractor
        self.name = extractor.name
        self.num_features, self.num_classes = extractor.num_features, extractor.num_classes
        self.seconds = 0.0

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        start = time.perf_counter()
        result: tuple[Tensor, Tensor] = self.extractor(images)
        self.seconds += time.perf_counter() - start
        return result


def random_inception(folder: Path) -> inception:
    """Inception with random weights, and statistics of batches: as slow as the real one."""
    module = "torch_fidelity.feature_extractor_inceptionv3.load_state_dict_from_url"
    with mock.patch(module), mock.patch.object(FeatureExtractorInceptionV3, "load_state_dict"):
        network = FeatureExtractorInceptionV3("inception", ["2048"])
    for part in network.modules():
        if isinstance(part, torch.nn.BatchNorm2d):
            assert part.running_var is not None
            torch.nn.init.uniform_(part.running_var, 0.5, 1.5)
            torch.nn.init.uniform_(part.weight, 1.0, 2.0)
    path = folder / "weights.pth"
    torch.save(network.state_dict(), path)
    extractor = inception(str(path), sha256=file_sha256(path))
    extractor.prepare()
    return extractor


def side_by_side(repeats: int, images: int = 64) -> dict[str, float]:
    """Time of Inception as it is here over torch-fidelity's own, in turns, and how they differ."""
    with tempfile.TemporaryDirectory() as folder:
        ours = random_inception(Path(folder))
        theirs = torch_fidelity_network(torch.load(Path(folder, "weights.pth"), weights_only=True))
    pixels = NoiseImages((3, 32, 32), images).block(0, images)[0]
    with torch.no_grad():
        difference = (ours(pixels)[0] - theirs(pixels)[0]).abs().max() / ours(pixels)[0].abs().max()
        turns = [(seconds(ours, pixels), seconds(theirs, pixels)) for _ in range(repeats)]
    return {
        "inception_time_over_torch_fidelity": statistics.median(a / b for a, b in turns),
        "inception_relative_difference": float(difference),
    }


def extractor_share(images: int) -> dict[str, float]:
    """How much of an evaluation of the papers' CNN at 32 x 32 the extractor takes."""
    generator = CNNGenerator((3, 32, 32))
    with tempfile.TemporaryDirectory() as folder:
        extractor = Timed(random_inception(Path(folder)))
    protocol = paper(is_images=images, fid_generated=images, fid_real=64)
    judge = Judge(extractor, protocol)
    noise = NoiseImages((3, 32, 32), images)
    real = judge.statistics(noise.block(0, 64)[0].numpy(), "noise", CPU)
    extractor.seconds = 0.0
    start = time.perf_counter()
    judge.score(GeneratedImages(generator, images, 0), real, CPU)
    total = time.perf_counter() - start
    full = gaussian(features(2500, 1)), gaussian(features(2500, 2))
    _, fixed = timed(lambda: frechet_distance(*full))
    _, fixed_here = timed(lambda: frechet_distance(real.gaussian, real.gaussian))
    count = paper().counts.is_images
    each, other = extractor.seconds / images, (total - extractor.seconds - fixed_here) / images
    return {
        "extractor_images": images,
        "extractor_images_per_second": 1 / each,
        "extractor_share": extractor.seconds / total,
        "extractor_share_at_paper_protocol": each * count / ((each + other) * count + fixed),
    }


def training_is_bit_identical() -> bool:
    """Whether a small run has the same weights with and without evaluation."""
    weights = []
    for callbacks in ([], [runs.evaluation()]):
        with tempfile.TemporaryDirectory() as folder:
            weights.append(runs.fit(Path(folder), list(callbacks)))
    alone, judged = weights
    return all(torch.equal(alone[name], judged[name]) for name in alone)


def processor() -> str:
    """The processor's name."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=256, help="images through Inception")
    parser.add_argument("--repeats", type=int, default=3, help="repetitions of the FID arithmetic")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results/metrics.json")
    options = parser.parse_args()
    few, many = memory(2_000), memory(40_000)
    results = {
        "machine": processor(),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "scipy": scipy.__version__,
        "training_bit_identical": training_is_bit_identical(),
        **frechet(options.repeats),
        "is_relative_error": inception_score_error(1.0),
        "is_relative_error_underflow": inception_score_error(1e4),
        "peak_memory_mib_2000_images": few,
        "peak_memory_mib_40000_images": many,
        **side_by_side(options.repeats),
        **extractor_share(options.images),
    }
    for name, value in results.items():
        print(f"{name:36} {value:.4g}" if isinstance(value, float) else f"{name:36} {value}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
