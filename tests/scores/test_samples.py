"""KID, precision and recall, and MS-SSIM against literal definitions and other libraries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from prdc import compute_prdc
from torch import Tensor
from torchmetrics.functional.image import structural_similarity_index_measure
from torchmetrics.image.kid import poly_mmd

from gan_lightning.errors import UserError
from gan_lightning.scores.density_coverage import density_coverage
from gan_lightning.scores.kid import kid, squared_mmd
from gan_lightning.scores.memorization import memorization
from gan_lightning.scores.ms_ssim import WEIGHTS, ms_ssim, multiscale_similarity
from gan_lightning.scores.precision_recall import precision_recall, share_inside
from gan_lightning.scores.samples import SampleBank, Samples


def points(n: int, d: int, seed: int, shift: float = 0.0) -> Tensor:
    return shift + torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def of_features(x: Tensor) -> Samples:
    return Samples(x, torch.zeros(0))


def of_images(images: Tensor, labels: Tensor | None = None) -> Samples:
    return Samples(torch.zeros(0), images, labels)


# --------------------------------------------------------------------------------------------- KID


def test_squared_mmd_is_that_of_torchmetrics() -> None:
    x, y = points(60, 8, 1).double(), points(60, 8, 2, 0.3).double()
    assert float(squared_mmd(x, y)) == pytest.approx(float(poly_mmd(x, y)), rel=1e-12)


def test_squared_mmd_is_the_mean_over_pairs() -> None:
    x, y = points(5, 3, 1).double().numpy(), points(7, 3, 2).double().numpy()

    def k(a: np.ndarray, b: np.ndarray) -> float:
        return float((a @ b / 3 + 1) ** 3)

    within_x = np.mean([k(a, b) for i, a in enumerate(x) for j, b in enumerate(x) if i != j])
    within_y = np.mean([k(a, b) for i, a in enumerate(y) for j, b in enumerate(y) if i != j])
    across = np.mean([k(a, b) for a in x for b in y])
    got = float(squared_mmd(torch.from_numpy(x), torch.from_numpy(y)))
    assert got == pytest.approx(within_x + within_y - 2 * across, rel=1e-12)


def test_kid_is_near_zero_for_one_distribution_and_grows_with_the_shift() -> None:
    score = kid(subsets=20, subset_size=200, count=400)
    real = of_features(points(400, 8, 1))
    values = [
        score(of_features(points(400, 8, 2, shift)), real)["kid"] for shift in (0.0, 0.3, 0.6)
    ]
    assert abs(values[0]) < 0.05 * values[1]
    assert values[1] < values[2]


def test_kid_of_whole_sets_has_no_spread_and_is_reproducible() -> None:
    score = kid(subsets=3, subset_size=50, count=50)
    x, y = of_features(points(50, 4, 1)), of_features(points(50, 4, 2))
    first = score(x, y)
    assert first == score(x, y)
    assert first["kid_std"] == pytest.approx(0, abs=1e-12)


def test_kid_needs_whole_subsets() -> None:
    score = kid(subset_size=60, count=60)
    score.check(60, 60)
    with pytest.raises(UserError, match=r"subsets of 60.* 59 real"):
        score.check(60, 59)
    with pytest.raises(UserError, match="subset_size"):
        kid(subset_size=60, count=59)


# --------------------------------------------------------------------------- precision and recall


def covered_literally(manifold: Tensor, candidates: Tensor, k: int) -> float:
    """Kynkäänniemi et al., Eq. 1 and 2, point by point in float64."""
    m, c = manifold.double().numpy(), candidates.double().numpy()
    radii = [np.sort(np.linalg.norm(m - p, axis=1))[k] for p in m]
    inside = [any(np.linalg.norm(p - q) <= r for q, r in zip(m, radii, strict=True)) for p in c]
    return float(np.mean(inside))


@pytest.mark.parametrize("k", [1, 3, 5])
def test_share_inside_is_the_definition(k: int) -> None:
    manifold, candidates = points(80, 3, 1), points(70, 3, 2, 0.8)
    got = share_inside(manifold.double(), candidates.double(), k)
    assert got == covered_literally(manifold, candidates, k)
    assert 0 < got < 1


def test_share_inside_is_the_same_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    manifold, candidates = points(80, 3, 1).double(), points(70, 3, 2, 0.8).double()
    whole = share_inside(manifold, candidates, 3)
    monkeypatch.setattr("gan_lightning.scores.neighbours._ELEMENTS", 7 * 80)
    assert share_inside(manifold, candidates, 3) == whole


@pytest.mark.parametrize("repeat", [1, 6])
def test_identical_sets_are_precise_and_complete(repeat: int) -> None:
    x = of_features(points(50, 6, 1, 100.0).repeat(repeat, 1))
    scores = precision_recall(count=300)(x, x)
    assert scores == {"precision": 1.0, "recall": 1.0}


@pytest.mark.parametrize("n", [1, 2, 5, 9])
def test_repeated_samples_coincide_in_spite_of_rounding(n: int) -> None:
    ten = 1e3 * points(10, 64, 1).double() + 5e3
    assert share_inside(ten.repeat(9, 1), ten[:n], 3) == 1.0


def test_distant_sets_are_neither() -> None:
    x, y = of_features(points(50, 6, 1)), of_features(points(50, 6, 1, 50.0))
    assert precision_recall(count=50)(x, y) == {"precision": 0.0, "recall": 0.0}


def test_few_real_samples_repeated_are_precise_but_not_complete() -> None:
    real = points(60, 6, 1)
    scores = precision_recall(count=60)(of_features(real[:5].repeat(12, 1)), of_features(real))
    assert scores["precision"] == 1.0
    assert scores["recall"] < 0.2


def test_precision_needs_more_samples_than_neighbours() -> None:
    precision_recall(count=60).check(4, 60)
    with pytest.raises(UserError, match="3 neighbours"):
        precision_recall(count=60).check(3, 60)
    with pytest.raises(UserError, match="neighbours"):
        precision_recall(neighbours=0)


# ----------------------------------------------------------------------------- density and coverage


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("k", [1, 3, 5])
@pytest.mark.parametrize("shift", [0.0, 0.8])
def test_all_four_scores_are_those_of_their_authors(
    k: int, shift: float, capsys: pytest.CaptureFixture[str]
) -> None:
    real, generated = points(150, 4, 1).double(), points(120, 4, 2, shift).double()
    expected = compute_prdc(real.numpy(), generated.numpy(), k)
    pair = of_features(generated), of_features(real)
    got = precision_recall(k, 150)(*pair) | density_coverage(k, 150)(*pair)
    assert got == pytest.approx(expected, rel=1e-12)


def test_density_and_coverage_are_one_on_the_same_images_and_nothing_far_away() -> None:
    x = points(80, 6, 1, 100.0)
    same = density_coverage(5, 80)(of_features(x), of_features(x))
    assert same["coverage"] == 1.0
    far = density_coverage(5, 80)(of_features(x + 1e3), of_features(x))
    assert far == {"density": 0.0, "coverage": 0.0}


def test_density_grows_where_generated_images_gather_and_coverage_falls() -> None:
    real = points(200, 4, 1)
    pair = of_features(points(200, 4, 2) * 0.1), of_features(real)
    gathered = density_coverage(5, 200)(*pair)
    alike = density_coverage(5, 200)(of_features(points(200, 4, 2)), of_features(real))
    assert gathered["density"] > 1.5 * alike["density"]
    assert gathered["coverage"] < 0.5 * alike["coverage"]
    assert 0.8 < alike["density"] < 1.2


# ------------------------------------------------------------------------------------ memorization


def memorized_literally(generated: Tensor, real: Tensor, quantile: float) -> dict[str, float]:
    """Image by image."""
    x, y = generated.double().numpy(), real.double().numpy()
    own = [min(np.linalg.norm(a - b) for j, b in enumerate(y) if i != j) for i, a in enumerate(y)]
    closest = sorted(own)[int(np.ceil(quantile * len(own))) - 1]
    near = [min((np.linalg.norm(a - b), i) for i, b in enumerate(y)) for a in x]
    return {
        "memorized": float(np.mean([distance <= closest for distance, _ in near])),
        "authenticity": float(np.mean([distance > own[i] for distance, i in near])),
    }


@pytest.mark.parametrize("quantile", [0.01, 0.3, 0.7])
def test_memorization_is_its_definition(quantile: float) -> None:
    real = points(60, 3, 1)
    generated = torch.cat([real[:7] + 1e-3, points(40, 3, 2)])
    got = memorization(quantile, 60, 47)(of_features(generated), of_features(real))
    assert got == memorized_literally(generated, real, quantile)
    assert 7 / 47 <= got["memorized"] < 1


def test_copies_are_memorized_and_unseen_points_of_one_distribution_as_seldom_as_promised() -> None:
    both = points(3000, 8, 1)
    real, unseen = of_features(both[:2000]), of_features(both[2000:])
    score = memorization(0.05, 2000, 1000)
    assert score(real.first(1000), real) == {"memorized": 1.0, "authenticity": 0.0}
    assert score(unseen, real)["memorized"] == pytest.approx(0.05, abs=0.025)
    assert 0.3 < score(unseen, real)["authenticity"] < 0.7


def test_a_training_set_full_of_duplicates_hides_no_copies() -> None:
    real = of_features(points(50, 8, 1).repeat(2, 1))
    score = memorization(0.1, 100, 50)
    assert score(real.first(50), real)["memorized"] == 1.0
    assert score(of_features(points(50, 8, 2)), real)["memorized"] == 0.0


@pytest.mark.parametrize(
    "arguments", [{"quantile": 0.0}, {"quantile": 1.0}, {"training": 1}, {"count": 1}]
)
def test_memorization_of_nothing_is_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(UserError, match=r"metrics\.memorization wants"):
        memorization(**arguments)  # type: ignore[arg-type]  # mixed types


# ----------------------------------------------------------------------------------------- MS-SSIM


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


# -------------------------------------------------------------------------------------------- bank


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_a_bank_keeps_the_first_rows_in_order_of_index(dtype: torch.dtype) -> None:
    bank = SampleBank(5, (2,), dtype)
    bank.update(torch.tensor([[4, 4], [9, 9], [1, 1]]), torch.tensor([4, 9, 1]))
    bank.update(torch.zeros(0, 2), torch.zeros(0, dtype=torch.int64))
    bank.update(torch.tensor([[0, 7], [3, 3], [2, 2]]), torch.tensor([0, 3, 2]))
    rows = bank.compute()
    assert rows.dtype == dtype
    assert rows.tolist() == [[0, 7], [1, 1], [2, 2], [3, 3], [4, 4]]
