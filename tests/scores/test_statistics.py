"""Statistics of real images: computed once, found again, never mistaken for others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.scores.statistics import (
    Real,
    RealStatistics,
    imported_statistics,
    real_statistics,
)
from tests.scores.small import projection, random_images

CPU = torch.device("cpu")
REAL = Real(random_images(200), "small train", count=90, features=20)


class inceptionlike(projection):
    name = "inception"


def test_statistics_are_those_of_the_subset() -> None:
    extractor = projection()
    statistics = real_statistics(REAL, extractor, None, CPU)
    features, _ = extractor(torch.from_numpy(REAL.images[REAL.subset()]))
    x = features.double().numpy()
    np.testing.assert_allclose(statistics.gaussian.mean, x.mean(0), rtol=1e-6)
    np.testing.assert_allclose(statistics.gaussian.covariance, np.cov(x, rowvar=False), rtol=1e-5)
    np.testing.assert_allclose(statistics.features, x[:20], rtol=1e-5)
    assert statistics.gaussian.n == len(set(REAL.subset().tolist())) == 90


def test_the_subset_is_random_and_fixed() -> None:
    assert REAL.subset().tolist() == REAL.subset().tolist() != sorted(REAL.subset())
    larger = Real(REAL.images, REAL.fingerprint, count=120)
    assert larger.subset()[:90].tolist() == REAL.subset().tolist()


def same(a: RealStatistics, b: RealStatistics) -> bool:
    return (
        a.gaussian.n == b.gaussian.n
        and torch.equal(a.gaussian.mean, b.gaussian.mean)
        and torch.equal(a.gaussian.covariance, b.gaussian.covariance)
        and torch.equal(a.features, b.features)
        and a.source == b.source
    )


def test_the_second_time_no_image_is_looked_at(tmp_path: Path) -> None:
    first = real_statistics(REAL, projection(), tmp_path, CPU)
    extractor = projection()
    assert same(real_statistics(REAL, extractor, tmp_path, CPU), first)
    assert extractor.seen == 0
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz"]


@pytest.mark.parametrize(
    ("real", "extractor"),
    [
        (Real(REAL.images, "other data", 90, 20), projection()),
        (Real(REAL.images, REAL.fingerprint, 91, 20), projection()),
        (Real(REAL.images, REAL.fingerprint, 90, 21), projection()),
        (REAL, projection(seed=1)),
        (REAL, inceptionlike()),
    ],
)
def test_anything_different_is_computed_anew_beside_it(
    tmp_path: Path, real: Real, extractor: projection
) -> None:
    real_statistics(REAL, projection(), tmp_path, CPU)
    real_statistics(real, extractor, tmp_path, CPU)
    assert extractor.seen == real.count
    assert len(list(tmp_path.iterdir())) == 2


def test_a_file_renamed_to_that_of_another_extractor_is_refused(tmp_path: Path) -> None:
    real_statistics(REAL, projection(seed=1), tmp_path / "other", CPU)
    real_statistics(REAL, projection(), tmp_path / "own", CPU)
    (own,) = (tmp_path / "own").iterdir()
    (other,) = (tmp_path / "other").iterdir()
    other.replace(own)
    with pytest.raises(UserError, match="another extractor"):
        real_statistics(REAL, projection(), tmp_path / "own", CPU)


@pytest.mark.parametrize("keep", [0, 30, 500])
def test_a_damaged_file_is_refused(tmp_path: Path, keep: int) -> None:
    real_statistics(REAL, projection(), tmp_path, CPU)
    (path,) = tmp_path.iterdir()
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(UserError, match="delete it"):
        real_statistics(REAL, projection(), tmp_path, CPU)


def test_a_cache_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match=r"--evaluation\.cache"):
        real_statistics(REAL, projection(), tmp_path / "file" / "folder", CPU)


# --------------------------------------------------------------------------------- imported files


def foreign(path: Path, **arrays: np.ndarray) -> Path:
    """A file as pytorch-fid and clean-fid write them."""
    np.savez(path, **({"mu": np.zeros(12), "sigma": np.eye(12)} | arrays))
    return path


def test_foreign_statistics_are_imported_with_their_count(tmp_path: Path) -> None:
    statistics = imported_statistics(foreign(tmp_path / "cifar.npz"), 50_000, inceptionlike())
    assert statistics.gaussian.n == 50_000
    assert statistics.source == "cifar.npz"
    assert torch.equal(statistics.gaussian.covariance, torch.eye(12, dtype=torch.float64))


def test_own_statistics_are_imported_without_a_count(tmp_path: Path) -> None:
    first = real_statistics(REAL, projection(), tmp_path, CPU)
    (path,) = tmp_path.iterdir()
    again = imported_statistics(path, None, projection())
    assert again.gaussian.n == 90
    assert torch.equal(again.gaussian.covariance, first.gaussian.covariance)
    with pytest.raises(UserError, match="another extractor"):
        imported_statistics(path, None, projection(seed=1))


@pytest.mark.parametrize(
    ("arrays", "count", "extractor", "message"),
    [
        ({}, None, inceptionlike(), "--evaluation.real_count"),
        ({}, 1, inceptionlike(), "--evaluation.real_count"),
        ({}, 100, projection(), "Inception"),
        ({"mu": np.zeros(7)}, 100, inceptionlike(), "another extractor"),
        ({"sigma": np.eye(7)}, 100, inceptionlike(), "another extractor"),
        ({"sigma": np.full((12, 12), np.nan)}, 100, inceptionlike(), "NaN"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(
    tmp_path: Path,
    arrays: dict[str, np.ndarray],
    count: int | None,
    extractor: FeatureExtractor,
    message: str,
) -> None:
    path = foreign(tmp_path / "stats.npz", **arrays)
    with pytest.raises(UserError, match=message):
        imported_statistics(path, count, extractor)


def test_files_without_moments_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", images=np.zeros(3))
    with pytest.raises(UserError, match="needs mu and sigma"):
        imported_statistics(tmp_path / "images.npz", 10, inceptionlike())
    with pytest.raises(UserError, match="cannot read"):
        imported_statistics(tmp_path / "absent.npz", 10, inceptionlike())


def test_the_file_says_what_it_was_made_from(tmp_path: Path) -> None:
    real_statistics(REAL, projection(), tmp_path, CPU)
    (path,) = tmp_path.iterdir()
    with np.load(path) as file:
        identity = json.loads(str(file["fingerprint"]))
        assert int(file["n"]) == 90
    assert identity["data"] == "small train"
    assert identity["extractor"] == projection().fingerprint
