"""Statistics of other projects: imported if they can be compared with, and else refused."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gan_lightning.errors import UserError
from gan_lightning.extractors.base import FeatureExtractor
from gan_lightning.scores.foreign import imported_statistics
from gan_lightning.scores.statistics import RealStatistics, real_statistics
from tests.scores.small import projection
from tests.scores.test_statistics import CPU, REAL


class inceptionlike(projection):
    """As Inception by its resize, but small."""

    name = "inception"
    resize = "tf1"


class cleanlike(inceptionlike):
    """As Inception under clean-fid's resize."""

    resize = "clean"


def foreign(path: Path, **arrays: Any) -> Path:
    """A file as pytorch-fid and clean-fid write them."""
    np.savez(path, **({"mu": np.zeros(12), "sigma": np.eye(12)} | arrays))
    return path


def test_foreign_statistics_are_imported_with_their_count_and_resize(tmp_path: Path) -> None:
    path = foreign(tmp_path / "cifar.npz")
    statistics = imported_statistics(path, 50_000, inceptionlike(), "tf1")
    assert statistics.gaussian.n == 50_000
    assert torch.equal(statistics.gaussian.covariance, torch.eye(12, dtype=torch.float64))
    other = foreign(tmp_path / "cifar2.npz", mu=np.full(12, 1e-3)).rename(path)
    assert statistics.source.startswith("cifar.npz sha256:")
    assert imported_statistics(other, 50_000, inceptionlike(), "tf1").source != statistics.source


@pytest.mark.parametrize(
    ("name", "arrays", "extractor"),
    [
        ("cifar10_legacy_tensorflow_train_32.npz", {}, inceptionlike()),
        ("cifar10_clean_train_32.npz", {}, cleanlike()),
        ("x.npz", {"mode": "legacy_tensorflow"}, inceptionlike()),
        ("x.npz", {"mode": "tf1"}, inceptionlike()),
        ("x.npz", {"mode": "clean"}, cleanlike()),
    ],
)
def test_a_file_may_say_its_resize_itself(
    tmp_path: Path, name: str, arrays: dict[str, str], extractor: FeatureExtractor
) -> None:
    assert imported_statistics(foreign(tmp_path / name, **arrays), 9, extractor).gaussian.n == 9


@pytest.mark.parametrize(
    ("name", "arrays", "declared", "extractor", "message"),
    [
        ("x.npz", {}, None, inceptionlike(), "with `real_resize`"),
        ("x.npz", {}, "clean", inceptionlike(), "clean by `real_resize`"),
        ("x.npz", {}, "tf1", cleanlike(), "tf1 by"),
        ("x.npz", {"mode": "clean"}, None, inceptionlike(), "clean by its mode"),
        ("x.npz", {"mode": "clean"}, "tf1", inceptionlike(), "clean by its mode"),
        ("x.npz", {"mode": "mystery"}, "tf1", inceptionlike(), "mystery by its mode"),
        ("a_clean_train_32.npz", {}, "tf1", inceptionlike(), "clean by its name"),
        ("a_legacy_pytorch_train_32.npz", {}, None, inceptionlike(), "pytorch by its name"),
    ],
)
def test_another_resize_is_refused(
    tmp_path: Path,
    name: str,
    arrays: dict[str, str],
    declared: str | None,
    extractor: FeatureExtractor,
    message: str,
) -> None:
    path = foreign(tmp_path / name, **arrays)
    with pytest.raises(UserError, match=message):
        imported_statistics(path, 100, extractor, declared)


def test_own_statistics_are_imported_without_a_count(tmp_path: Path) -> None:
    first = real_statistics(REAL, projection(), tmp_path, CPU)
    (path,) = tmp_path.iterdir()
    again = imported_statistics(path, None, projection())
    assert again.gaussian.n == 90
    assert torch.equal(again.gaussian.covariance, first.gaussian.covariance)
    assert torch.equal(again.features, first.features)
    with pytest.raises(UserError, match="another extractor"):
        imported_statistics(path, None, projection(seed=1))
    with pytest.raises(UserError, match="made from 90 images"):
        imported_statistics(path, 91, projection())


def indefinite(smallest: float) -> np.ndarray:
    """Symmetric, with one eigenvalue as given and the others 1."""
    q, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((12, 12)))
    matrix: np.ndarray = q @ np.diag([smallest, *[1.0] * 11]) @ q.T
    return np.asarray((matrix + matrix.T) / 2)


ASYMMETRIC = np.eye(12) + np.eye(12, k=1) / 2


@pytest.mark.parametrize(
    ("arrays", "count", "extractor", "message"),
    [
        ({}, None, inceptionlike(), "give `real_count`"),
        ({}, 1, inceptionlike(), "give `real_count`"),
        ({"n": 80}, 100, inceptionlike(), "made from 80 images"),
        ({}, 100, projection(), "Inception"),
        ({"mu": np.zeros(7)}, 100, inceptionlike(), "another extractor"),
        ({"sigma": np.eye(7)}, 100, inceptionlike(), "another extractor"),
        ({"sigma": np.full((12, 12), np.nan)}, 100, inceptionlike(), "NaN"),
        ({"mu": np.full(12, np.inf)}, 100, inceptionlike(), "NaN or infinite"),
        ({"sigma": np.eye(12) * (1 + 1j)}, 100, inceptionlike(), "complex128"),
        ({"sigma": ASYMMETRIC}, 100, inceptionlike(), "not symmetric"),
        ({"sigma": -np.eye(12)}, 100, inceptionlike(), "negative variances"),
        ({"sigma": indefinite(-1e-4)}, 100, inceptionlike(), "negative variances"),
    ],
)
def test_statistics_that_do_not_fit_are_refused(
    tmp_path: Path,
    arrays: dict[str, Any],
    count: int | None,
    extractor: FeatureExtractor,
    message: str,
) -> None:
    path = foreign(tmp_path / "stats.npz", **arrays)
    with pytest.raises(UserError, match=message):
        imported_statistics(path, count, extractor, "tf1")


@pytest.mark.parametrize("smallest", [0.0, 1e-9, -1e-9])
def test_rounding_errors_of_a_covariance_are_no_reason_to_refuse(
    tmp_path: Path, smallest: float
) -> None:
    path = foreign(tmp_path / "stats.npz", sigma=indefinite(smallest))
    assert imported_statistics(path, 100, inceptionlike(), "tf1").gaussian.n == 100


def test_files_without_moments_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "images.npz", images=np.zeros(3))
    with pytest.raises(UserError, match="needs mu and sigma"):
        imported_statistics(tmp_path / "images.npz", 10, inceptionlike())
    with pytest.raises(UserError, match="cannot read"):
        imported_statistics(tmp_path / "absent.npz", 10, inceptionlike())


def imported(path: Path, count: int | None) -> RealStatistics | str:
    """What a file holds, or why it is refused."""
    try:
        return imported_statistics(path, count, inceptionlike(), "tf1")
    except UserError as error:
        return str(error)


ARRAYS = arrays(
    st.sampled_from([np.dtype(kind) for kind in ("f4", "f8", "i8", "c16", "?", "U3", "M8[s]")]),
    st.sampled_from([(), (0,), (1,), (12,), (12, 12), (3, 12), (0, 12), (12, 0)]),
)
"""Any that an npz holds; those of objects are pickles, which are not read."""


@settings(max_examples=200, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["mu", "sigma", "n", "count", "features", "mode", "fingerprint"]),
        ARRAYS,
        min_size=1,
    ),
    st.sampled_from([None, 50]),
    st.booleans(),
)
def test_a_file_of_anything_is_statistics_or_refused(
    held: dict[str, np.ndarray], count: int | None, own: bool
) -> None:
    """Whatever is in it: the message names the file."""
    if own:
        identity = {"data": "x", "extractor": inceptionlike().fingerprint}
        said = held.pop("count", np.array(50)).tolist()
        held["fingerprint"] = np.array(json.dumps(identity | {"count": said}, default=str))
    with TemporaryDirectory() as folder:
        path = foreign(Path(folder) / "x.npz", **held)
        found = imported(path, count)
    if isinstance(found, str):
        assert "x.npz" in found
    else:
        assert found.gaussian.n >= 2
        assert found.gaussian.mean.shape == (12,)
        assert found.features.shape[1:] == (12,)
        assert torch.isfinite(found.gaussian.covariance).all()


@settings(max_examples=200, deadline=None)
@given(st.booleans(), st.integers(0, 10**6), st.integers(0, 255), st.booleans())
def test_a_damaged_file_reads_the_same_or_is_refused(
    packed: bool, place: int, byte: int, cut: bool
) -> None:
    """A byte that is another, or all the rest lost."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "x.npz"
        write = np.savez_compressed if packed else np.savez
        write(path, mu=np.arange(12.0), sigma=np.eye(12), n=np.array(50))
        content = bytearray(path.read_bytes())
        place %= len(content)
        content[place:] = b"" if cut else bytes([byte]) + content[place + 1 :]
        path.write_bytes(content)
        found = imported(path, None)
    if isinstance(found, str):
        assert "x.npz" in found
    else:
        assert found.gaussian.mean.tolist() == [*range(12)]
        assert torch.equal(found.gaussian.covariance, torch.eye(12, dtype=torch.float64))
