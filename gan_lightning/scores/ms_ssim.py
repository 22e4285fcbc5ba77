"""Multi-scale structural similarity: how alike a generator's images of one class are.

Wang et al. 2003, "Multi-scale structural similarity for image quality assessment"; used between
pairs of generated images by Odena et al. 2017 ("Conditional image synthesis with auxiliary
classifier GANs", section 4.2) and SNGAN (section 4.2).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.scores.samples import Samples, SampleScore
from gan_lightning.streams import stream

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang et al., finest scale first
SMALLEST = 8  # pixels: no scale is smaller than this
WINDOW = 11  # pixels: width of the Gaussian window, or the image's if that is less
_BATCH = 64  # pairs compared at a time


class ms_ssim(SampleScore):
    """Mean similarity of random pairs of generated images; lower is more diverse.

    Pairs are drawn within each class and the classes' means averaged, where the images have
    labels (``intra_class_ms_ssim``); else all images are one class (``ms_ssim``).

    Args:
        pairs: Number of pairs, shared evenly by the classes, at least one each.
        count: Number of images they are drawn from.
    """

    of_images: ClassVar[bool] = True

    def __init__(self, pairs: int = 1_000, count: int = 1_000) -> None:
        if pairs < 1 or count < 2:
            raise UserError(
                f"metrics.ms_ssim wants 1 pair or more of 2 images or more, not "
                f"pairs={pairs}, count={count}"
            )
        self.pairs = pairs
        self.count = count

    def __call__(self, generated: Samples, real: Samples) -> dict[str, float]:
        """``ms_ssim`` or ``intra_class_ms_ssim``, 0 (unlike) to 1 (all the same).

        Raises:
            UserError: If a class has only one image.
        """
        images, labels = generated.images, generated.labels
        if labels is None:
            return {"ms_ssim": self._of_class(images, self.pairs, 0)}
        classes = labels.unique()
        share = max(1, self.pairs // len(classes))
        scores = [self._of_class(images[labels == label], share, int(label)) for label in classes]
        return {"intra_class_ms_ssim": float(np.mean(scores))}

    def _of_class(self, images: Tensor, pairs: int, label: int) -> float:
        if len(images) < 2:
            raise UserError(
                f"ms_ssim compares pairs, but class {label} has only {len(images)} image among "
                f"the first {self.count}. Raise its `count`"
            )
        similarity = [
            multiscale_similarity(images[a].double(), images[b].double())
            for a, b in _random_pairs(len(images), pairs, label)
        ]
        return float(torch.cat(similarity).mean())


def multiscale_similarity(a: Tensor, b: Tensor) -> Tensor:
    """MS-SSIM of each pair of images, at any size of 8 pixels or more.

    As many of the five scales as keep 8 pixels take part, with their exponents rescaled to sum
    to 1: five at 128 pixels (the papers'), four at 64, three at 32. The window is 11 pixels wide
    with a standard deviation of 1.5, both shrunk in proportion where a scale is smaller. Scales
    follow each other by means of 2 x 2 pixels. A negative contrast term counts as 0.

    Args:
        a: Floating-point ``(N, channels, height, width)`` with pixels from 0 to 255.
        b: The images to compare with, of the same shape.

    Returns:
        ``(N,)``, 0 to 1.

    Raises:
        UserError: If the images are smaller than 8 pixels.
    """
    side = min(a.shape[-2:])
    scales = sum(side >> scale >= SMALLEST for scale in range(len(WEIGHTS)))
    if scales == 0:
        raise UserError(f"ms_ssim compares images of {SMALLEST} pixels or more, not of {side}")
    exponents = np.array(WEIGHTS[:scales]) / sum(WEIGHTS[:scales])
    result = torch.ones(len(a), dtype=a.dtype, device=a.device)
    for scale, exponent in enumerate(exponents):
        luminance, contrast = _ssim_terms(a, b)
        last = scale == scales - 1
        result *= (luminance * contrast if last else contrast).mean((1, 2, 3)).clamp(0) ** exponent
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return result


def _ssim_terms(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Wang et al.'s luminance and contrast-structure maps, where the whole window fits."""
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2
    covariance = _blur(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + c1) / (mean_a**2 + mean_b**2 + c1)
    return luminance, (2 * covariance + c2) / (var_a + var_b + c2)


def _blur(images: Tensor) -> Tensor:
    """Gaussian means of each channel, without padding."""
    width = min(WINDOW, *images.shape[-2:])
    offset = torch.arange(width, dtype=images.dtype, device=images.device) - (width - 1) / 2
    window = torch.exp(-0.5 * (offset / (1.5 * width / WINDOW)) ** 2)
    window = window / window.sum()
    channels = images.shape[1]
    columns = window.view(1, 1, -1, 1).expand(channels, 1, -1, 1)
    rows = window.view(1, 1, 1, -1).expand(channels, 1, 1, -1)
    return F.conv2d(F.conv2d(images, columns, groups=channels), rows, groups=channels)


def _random_pairs(n: int, pairs: int, label: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Batches of indices of ``pairs`` pairs of two different images out of ``n``."""
    rng = stream(0, "ms_ssim", label)
    first = rng.integers(n, size=pairs)
    second = (first + rng.integers(1, n, size=pairs)) % n
    yield from zip(
        torch.from_numpy(first).split(_BATCH), torch.from_numpy(second).split(_BATCH), strict=True
    )
