"""MS-SSIM against its definition with loops, and torchmetrics."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure

from gan_lightning.errors import UserError
from gan_lightning.scores.ms_ssim import WEIGHTS, ms_ssim, multiscale_similarity
from gan_lightning.scores.samples import Samples


def of_images(images: Tensor, labels: Tensor | None = None) -> Samples:
    return Samples(torch.zeros(0), images, labels)


def images_of(n: int, size: int, seed: int, channels: int = 3) -> Tensor:
    """Smooth random images, 0 to 255."""
    coarse = torch.rand(n, channels, 8, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.interpolate(coarse * 255, size=size, mode="bilinear").double()


def similarity_literally(a: np.ndarray, b: np.ndarray) -> float:
    """Wang et al. 2003 with loops, for one pair of images ``(channels, size, size)``."""
    sides = [a.shape[1] >> s for s in range(5) if a.shape[1] >> s >= 8]
    weights = np.array(WEIGHTS[: len(sides)]) / sum(WEIGHTS[: len(sides)])
    result = 1.0
    for scale, side in enumerate(sides):
        width = min(11, side)
        offset = np.arange(width) - (width - 1) / 2
        g = np.exp(-0.5 * (offset / (1.5 * width / 11)) ** 2)
        window = np.outer(g, g) / np.outer(g, g).sum()
        ssim, contrast = [], []
        for x, y in zip(a, b, strict=True):
            for i in range(side - width + 1):
                for j in range(side - width + 1):
                    p, q = x[i : i + width, j : j + width], y[i : i + width, j : j + width]
                    mp, mq = (window * p).sum(), (window * q).sum()
                    vp, vq = (window * p * p).sum() - mp**2, (window * q * q).sum() - mq**2
                    cov = (window * p * q).sum() - mp * mq
                    contrast.append((2 * cov + 58.5225) / (vp + vq + 58.5225))
                    ssim.append(contrast[-1] * (2 * mp * mq + 6.5025) / (mp**2 + mq**2 + 6.5025))
        last = scale == len(sides) - 1
        result *= max(0.0, float(np.mean(ssim if last else contrast))) ** weights[scale]
        a, b = (z.reshape(len(z), side // 2, 2, side // 2, 2).mean((2, 4)) for z in (a, b))
    return result


@pytest.mark.parametrize(("size", "channels"), [(8, 1), (16, 1), (32, 3)])
def test_similarity_is_the_definition(size: int, channels: int) -> None:
    a, b = images_of(2, size, 1, channels), images_of(2, size, 2, channels)
    b = 0.7 * a + 0.3 * b
    expected = [similarity_literally(x, y) for x, y in zip(a.numpy(), b.numpy(), strict=True)]
    np.testing.assert_allclose(multiscale_similarity(a, b), expected, rtol=1e-10)


def test_similarity_at_one_scale_is_the_ssim_of_torchmetrics_inside_its_padding() -> None:
    a = images_of(3, 14, 1)
    b = 0.7 * a + 0.3 * images_of(3, 14, 2)
    _, maps = structural_similarity_index_measure(
        a, b, data_range=255.0, sigma=1.5, return_full_image=True
    )
    expected = maps[:, :, 5:-5, 5:-5].mean((1, 2, 3))
    np.testing.assert_allclose(multiscale_similarity(a, b), expected, rtol=1e-9)


@pytest.mark.parametrize("size", [8, 16, 28, 32, 48, 64, 128])
def test_similarity_works_at_every_size_of_the_papers(size: int) -> None:
    a, b = images_of(2, size, 1), images_of(2, size, 2)
    np.testing.assert_allclose(multiscale_similarity(a, a), 1.0, rtol=1e-9)
    unlike = multiscale_similarity(a, b)
    assert ((unlike >= 0) & (unlike < 0.9)).all()


def test_images_too_small_for_a_scale_are_refused() -> None:
    with pytest.raises(UserError, match="8 pixels"):
        multiscale_similarity(torch.zeros(1, 1, 7, 7), torch.zeros(1, 1, 7, 7))


def test_a_generator_of_one_image_scores_one_and_a_diverse_one_less() -> None:
    diverse = images_of(40, 32, 1).to(torch.uint8)
    score = ms_ssim(pairs=60, count=40)
    same = score(of_images(diverse[:1].repeat(40, 1, 1, 1)), of_images(diverse))
    assert same["ms_ssim"] == pytest.approx(1.0)
    assert score(of_images(diverse), of_images(diverse))["ms_ssim"] < 0.5


def test_pairs_are_drawn_within_classes_where_there_are_labels() -> None:
    two = images_of(2, 16, 1).to(torch.uint8).repeat_interleave(20, 0)
    labels = torch.arange(2).repeat_interleave(20)
    score = ms_ssim(pairs=50, count=40)
    assert score(of_images(two, labels), of_images(two)) == {
        "intra_class_ms_ssim": pytest.approx(1.0)
    }
    assert score(of_images(two), of_images(two))["ms_ssim"] < 0.9


def test_a_class_of_one_image_has_no_pairs() -> None:
    labels = torch.tensor([0, 0, 1])
    images = images_of(3, 16, 1).to(torch.uint8)
    with pytest.raises(UserError, match="class 1"):
        ms_ssim(count=3)(of_images(images, labels), of_images(images))
