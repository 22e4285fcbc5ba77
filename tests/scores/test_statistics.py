"""Statistics of real images: computed once, found again, never mistaken for others."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from gan_lightning.errors import UserError
from gan_lightning.scores.statistics import Real, RealStatistics, real_statistics
from tests.scores.small import projection, random_images

CPU = torch.device("cpu")
REAL = Real(random_images(200), "small train", count=90, features=20)


def renamed() -> projection:
    extractor = projection()
    extractor.name = "other"
    return extractor


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
        (REAL, renamed()),
    ],
)
def test_anything_different_is_computed_anew_beside_it(
    tmp_path: Path, real: Real, extractor: projection
) -> None:
    real_statistics(REAL, projection(), tmp_path, CPU)
    real_statistics(real, extractor, tmp_path, CPU)
    assert extractor.seen == 128  # two blocks
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
    with pytest.raises(UserError, match="by `cache`"):
        real_statistics(REAL, projection(), tmp_path / "file" / "folder", CPU)


def test_the_file_says_what_it_was_made_from(tmp_path: Path) -> None:
    real_statistics(REAL, projection(), tmp_path, CPU)
    (path,) = tmp_path.iterdir()
    with np.load(path) as file:
        identity = json.loads(str(file["fingerprint"]))
        assert int(file["n"]) == 90
    assert identity["data"] == "small train"
    assert identity["extractor"] == projection().fingerprint
