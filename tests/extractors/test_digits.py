"""The bundled extractor: where its weights come from, and that its scores rank correctly."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from gan_lightning.errors import UserError
from gan_lightning.extractors import train_digits
from gan_lightning.extractors.digits import digits
from gan_lightning.scores.protocol import monitor
from gan_lightning.scores.scoring import Judge
from gan_lightning.scores.sources import ArrayImages, Images, ImageSource, NoiseImages

CPU = torch.device("cpu")
IMAGES, LABELS = (tensor.numpy() for tensor in train_digits.digit_images())
OTHER = np.random.default_rng(1).permutation(len(IMAGES))
REFERENCE, HELD_OUT = OTHER[:1000], OTHER[1000:]
COUNT = len(HELD_OUT)


def blurred(images: Images, sigma: float) -> Images:
    offset = torch.arange(-4, 5, dtype=torch.float64)
    window = torch.exp(-0.5 * (offset / sigma) ** 2)
    window /= window.sum()
    padded = F.pad(torch.from_numpy(images).double(), (4, 4, 4, 4), mode="replicate")
    smooth = F.conv2d(F.conv2d(padded, window.view(1, 1, -1, 1)), window.view(1, 1, 1, -1))
    return smooth.round().to(torch.uint8).numpy()


@pytest.fixture(scope="module")
def judge() -> Judge:
    protocol = monitor(is_images=COUNT, fid_generated=COUNT, fid_real=1000)
    judge = Judge(digits(), protocol)
    judge.prepare((1, 16, 16))
    return judge


def scores(judge: Judge, source: ImageSource | Images) -> dict[str, float]:
    if not isinstance(source, ImageSource):
        source = ArrayImages(source, np.random.default_rng(2).choice(len(source), COUNT))
    real = judge.statistics(IMAGES[REFERENCE], "reference digits", CPU)
    return judge.score(source, real, CPU).scores


def test_fid_ranks_blur_and_noise(judge: Judge) -> None:
    real = IMAGES[HELD_OUT]
    sources: list[ImageSource | Images] = [
        ArrayImages(real),
        blurred(real, 0.5),
        blurred(real, 0.8),
        blurred(real, 1.2),
        NoiseImages((1, 16, 16), COUNT),
    ]
    fids = [scores(judge, source)["digits_fid"] for source in sources]
    assert all(2 * better < worse for better, worse in pairwise(fids)), fids


def test_fid_and_is_rank_missing_diversity(judge: Judge) -> None:
    real, labels = IMAGES[HELD_OUT], LABELS[HELD_OUT]
    results = [
        scores(judge, ArrayImages(real)),
        scores(judge, real[labels != 3]),
        scores(judge, real[:10]),
        scores(judge, real[labels == 3]),
    ]
    held_out, dropped, repeated, single = (r["digits_fid"] for r in results)
    assert 2 * held_out < dropped
    assert 2 * dropped < min(repeated, single)
    is_real, is_dropped, _, _ = (r["digits_is_mean"] for r in results)
    assert is_dropped < is_real - 0.5 < 10


def test_one_class_alone_scores_near_one_and_all_near_ten(judge: Judge) -> None:
    assert scores(judge, IMAGES[LABELS == 3])["digits_is_mean"] < 1.1
    assert 9 < scores(judge, IMAGES)["digits_is_mean"] <= 10


def test_it_recognizes_digits() -> None:
    extractor = digits()
    extractor.prepare()
    features, logits = extractor(torch.from_numpy(IMAGES))
    assert features.shape == (1797, extractor.num_features)
    assert logits.shape == (1797, extractor.num_classes)
    assert float((logits.argmax(1).numpy() == LABELS).mean()) > 0.98


def test_the_bundled_file_is_the_one_that_published_scores_rest_on() -> None:
    extractor = digits()
    extractor.prepare()
    assert extractor.fingerprint == "177a85f00863e7f7"
    assert not any(p.requires_grad for p in extractor.parameters())
    extractor.train()
    assert not extractor.training


@pytest.mark.parametrize("shape", [(3, 16, 16), (1, 28, 28), (1, 16, 8)])
def test_images_of_another_shape_are_refused(shape: tuple[int, int, int]) -> None:
    with pytest.raises(UserError, match="judges 1 x 16 x 16"):
        digits().check(shape)


def test_preparing_draws_no_random_numbers() -> None:
    before = torch.random.get_rng_state()
    digits().prepare()
    assert torch.equal(before, torch.random.get_rng_state())
