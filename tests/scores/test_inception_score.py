"""The inception score against its definition, and its bounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor
from torchmetrics.utilities import dim_zero_sum

from gan_lightning.errors import UserError
from gan_lightning.scores.inception_score import InceptionScore


def definition(logits: Tensor, splits: int) -> tuple[float, float]:
    """exp(E KL(p(y|x) || p(y))) of each split, in float64, image by image."""
    z = logits.double().numpy()
    scores = []
    for split in range(splits):
        part = z[split::splits]
        shifted = part - part.max(1, keepdims=True)
        p = np.exp(shifted) / np.exp(shifted).sum(1, keepdims=True)
        marginal = p.mean(0)
        ratio = np.divide(p, marginal, out=np.ones_like(p), where=p > 0)
        scores.append(np.exp((p * np.log(ratio)).sum(1).mean()))
    return float(np.mean(scores)), float(np.std(scores))


def score(logits: Tensor, splits: int, batch: int = 64) -> tuple[float, float]:
    metric = InceptionScore(logits.shape[1], splits, len(logits))
    for index in torch.arange(len(logits)).split(batch):
        metric.update(logits[index], index)
    mean, std = metric.compute()
    return float(mean), float(std)


def logits_of(n: int, classes: int, scale: float) -> Tensor:
    return scale * torch.randn(n, classes, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(("n", "splits"), [(1000, 10), (1003, 10), (7, 7), (50, 1)])
@pytest.mark.parametrize("scale", [0.1, 3.0])
def test_matches_the_definition(n: int, splits: int, scale: float) -> None:
    logits = logits_of(n, 1000, scale)
    got, expected = score(logits, splits), definition(logits, splits)
    assert got[0] == pytest.approx(expected[0], rel=1e-12)
    assert got[1] == pytest.approx(expected[1], rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("scale", [500.0, 1e4, 1e30])
def test_matches_the_definition_where_probabilities_underflow(scale: float) -> None:
    logits = logits_of(200, 10, scale)
    got, expected = score(logits, 5), definition(logits, 5)
    assert got == pytest.approx(expected, rel=1e-12)


def test_a_generator_collapsed_to_one_certain_class_scores_one() -> None:
    logits = torch.zeros(100, 10)
    logits[:, 3] = 1e5
    assert score(logits, 10) == pytest.approx((1.0, 0.0), abs=1e-12)


def test_certain_and_evenly_spread_over_k_classes_scores_k() -> None:
    logits = 1e5 * torch.eye(10).repeat_interleave(10, 0)
    assert score(logits, 10) == pytest.approx((10.0, 0.0), rel=1e-12, abs=1e-12)


def test_undecided_everywhere_scores_one() -> None:
    assert score(torch.zeros(40, 10), 4)[0] == pytest.approx(1.0, abs=1e-12)


def test_neither_batches_nor_order_change_it() -> None:
    logits = logits_of(100, 10, 2.0)
    metric = InceptionScore(10, 4, 100)
    for index in torch.arange(100).flip(0).split(7):
        metric.update(logits[index], index)
    assert float(metric.compute()[0]) == pytest.approx(score(logits, 4)[0], rel=1e-14)


def test_images_beyond_the_count_are_left_out() -> None:
    logits = logits_of(100, 10, 2.0)
    metric = InceptionScore(10, 4, 60)
    metric.update(logits, torch.arange(100))
    assert float(metric.compute()[0]) == pytest.approx(score(logits[:60], 4)[0], rel=1e-14)


def test_random_state_is_untouched() -> None:
    before = torch.random.get_rng_state()
    score(torch.zeros(40, 10), 4)
    assert torch.equal(before, torch.random.get_rng_state())


def test_fewer_images_than_splits_give_an_error_and_no_number() -> None:
    with pytest.raises(UserError, match="10 splits"):
        score(torch.zeros(9, 4), 10)


def test_logits_that_are_nan_give_an_error_and_no_number() -> None:
    logits = torch.zeros(20, 4)
    logits[3, 2] = float("nan")
    with pytest.raises(UserError, match=r"^the logits are NaN or infinite, so .* score: the extra"):
        score(logits, 2)


def test_sums_of_processes_are_added() -> None:
    assert set(InceptionScore(3, 2, 10)._reductions.values()) == {dim_zero_sum}


def test_classes_that_do_not_count_take_part_in_the_softmax_alone() -> None:
    """SNGAN's code, literally: softmax over all, a slice of it, and no new normalization."""
    logits = logits_of(120, 12, 2.0)
    metric = InceptionScore(12, 3, 120, slice(1, 9))
    metric.update(logits, torch.arange(120))
    p = torch.softmax(logits.double(), 1).numpy()[:, 1:9]
    parts = [p[split::3] for split in range(3)]
    scores = [np.exp((q * (np.log(q) - np.log(q.mean(0)))).sum(1).mean()) for q in parts]
    mean, std = (float(value) for value in metric.compute())
    assert (mean, std) == pytest.approx((np.mean(scores), np.std(scores)), rel=1e-12)
    assert mean != pytest.approx(score(logits[:, 1:9], 3)[0], rel=1e-3)


def test_the_deviation_is_the_populations() -> None:
    """Of two splits that score 1 and 2, it is half their difference."""
    logits = torch.tensor([[1e5, 0], [1e5, 0], [1e5, 0], [0, 1e5]]).double()
    assert score(logits, 2) == pytest.approx((1.5, 0.5))
