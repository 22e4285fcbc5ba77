"""Scores as a whole: what stands in a result, and that processes and training don't matter."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import gan_lightning
from gan_lightning.errors import UserError
from gan_lightning.scores.generated import GeneratedImages
from gan_lightning.scores.kid import kid
from gan_lightning.scores.ms_ssim import ms_ssim
from gan_lightning.scores.precision_recall import precision_recall
from gan_lightning.scores.protocol import monitor
from gan_lightning.scores.scoring import Judge
from gan_lightning.scores.sources import ArrayImages
from tests.scores import processes
from tests.scores.processes import CPU, EMPTY, UNEVEN, TinyGenerator, judge, scores
from tests.scores.small import SHAPE, projection, random_images

ROOT = Path(__file__).parents[2]


def test_a_result_names_extractor_protocol_counts_and_data() -> None:
    subject = judge(120, None)
    real = subject.statistics(random_images(200), "small", CPU)
    source = ArrayImages(random_images(120, seed=1))
    result = subject.score(source, real, CPU, prefix="ema_", facts={"seed": 3})
    judged = ("fid", "is_mean", "is_std", "kid", "kid_std", "precision", "recall")
    assert set(result.scores) == {f"ema_projection_{name}" for name in judged} | {"ema_ms_ssim"}
    assert result.counts == {
        "fid_real": 150,
        "fid_generated": 115,
        "is_images": 120,
        "is_splits": 10,
        "kid_count": 120,
        "kid_real": 120,
        "precision_recall_count": 120,
        "precision_recall_real": 120,
        "ms_ssim_count": 50,
    }
    fingerprint = result.facts["images_fingerprint"]
    assert result.facts == {
        "protocol": "modified monitor",
        "extractor": "projection",
        "extractor_fingerprint": projection().fingerprint,
        "real": "small",
        "images_fingerprint": fingerprint,
        "kid_subsets": 5,
        "kid_subset_size": 40,
        "precision_recall_neighbours": 3,
        "ms_ssim_pairs": 30,
        "gan_lightning": gan_lightning.__version__,
        "torch": torch.__version__,
        "device": "cpu",
        "seed": 3,
    }
    assert all(isinstance(value, float) for value in result.scores.values())
    assert json.loads(json.dumps(result.to_dict())) == result.to_dict()


def test_only_scores_that_inception_defines_go_by_their_bare_name() -> None:
    extractor = projection()
    extractor.name = "inception"
    metrics = [kid(5, 40, 64), precision_recall(3, 64), ms_ssim(30, 50)]
    subject = Judge(extractor, monitor(64, 2, 100, 64), metrics)
    real = subject.statistics(random_images(200), "small", CPU)
    result = subject.score(ArrayImages(random_images(64, seed=1)), real, CPU)
    bare = {"fid", "is_mean", "is_std", "kid", "kid_std", "ms_ssim"}
    assert set(result.scores) == bare | {"inception_precision", "inception_recall"}
    assert subject.fid_name == "fid"


def test_a_network_without_classes_gives_no_inception_score() -> None:
    extractor = projection()
    extractor.num_classes = 0
    subject = Judge(extractor, monitor(10**6, 2, 100, 64))
    real = subject.statistics(random_images(200), "small", CPU)
    result = subject.score(ArrayImages(random_images(64, seed=1)), real, CPU)
    assert set(result.scores) == {"projection_fid"}
    assert result.counts == {"fid_real": 100, "fid_generated": 64}


def test_a_score_asked_for_twice_is_refused() -> None:
    with pytest.raises(UserError, match="kid twice"):
        Judge(projection(), monitor(), [kid(), precision_recall(), kid(subsets=3)])


def test_one_pass_of_the_extractor_serves_all_scores() -> None:
    subject = judge(120, None)
    real = subject.statistics(random_images(200), "small", CPU)
    assert isinstance(subject.extractor, projection)
    subject.extractor.seen = 0
    subject.score(ArrayImages(random_images(130)), real, CPU)
    assert subject.extractor.seen == 128  # whole blocks of 64


def test_too_few_images_are_refused() -> None:
    subject = judge(120, None)
    real = subject.statistics(random_images(200), "small", CPU)
    with pytest.raises(UserError, match="119 images are too few"):
        subject.score(ArrayImages(random_images(119)), real, CPU)


def test_broken_images_give_an_error_and_no_number() -> None:
    subject = judge(120, None)
    real = subject.statistics(random_images(200), "small", CPU)
    source = GeneratedImages(TinyGenerator(0, broken_from=1.5), 120, 3)
    with pytest.raises(UserError, match=r"of 120 images [1-9]\d* hold NaN"):
        subject.score(source, real, CPU)


class Loud(TinyGenerator):
    """Its pixels go from -3 to 3."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return 3 * super().forward(z)


def test_images_out_of_range_give_an_error_and_no_number() -> None:
    subject = judge(120, None)
    real = subject.statistics(random_images(200), "small", CPU)
    with pytest.raises(UserError, match="120 hold values out of range"):
        subject.score(GeneratedImages(Loud(0), 120, 3), real, CPU)


def test_imported_moments_cannot_serve_scores_of_features(tmp_path: Path) -> None:
    path = tmp_path / "stats.npz"
    np.savez(path, mu=np.zeros(12), sigma=np.eye(12))
    extractor = projection()
    extractor.resize = "tf1"
    metrics = [ms_ssim()]
    Judge(extractor, monitor(), metrics, None, path, 100, "tf1").prepare(SHAPE)
    for metric in (kid(), precision_recall()):
        name = type(metric).__name__
        with pytest.raises(UserError, match=f"no features of single images, which {name} need"):
            Judge(extractor, monitor(), [metric], None, path, 100, "tf1").prepare(SHAPE)


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What three processes say."""
    folder = tmp_path_factory.mktemp("processes")
    workers = [
        subprocess.Popen(
            [sys.executable, "-m", processes.__name__, str(rank), "3", str(folder)], cwd=ROOT
        )
        for rank in range(3)
    ]
    assert [worker.wait(timeout=120) for worker in workers] == [0, 0, 0]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(3)]


@pytest.mark.slow
@pytest.mark.parametrize(("case", "count"), [("uneven", UNEVEN), ("empty", EMPTY)])
def test_the_number_of_processes_changes_no_score(
    three: list[dict[str, Any]], case: str, count: int
) -> None:
    alone = scores(count, rank=0)
    for got in three:
        assert got[case] == pytest.approx(alone, rel=1e-9, abs=1e-12)
    assert three[0][case] == three[1][case] == three[2][case]
    assert three[0]["again"] == pytest.approx(three[0]["uneven"], rel=1e-12)


@pytest.mark.slow
def test_what_fails_on_one_process_fails_on_all_with_one_message(
    three: list[dict[str, Any]],
) -> None:
    assert three[0]["invalid"] == three[1]["invalid"] == three[2]["invalid"]
    assert "hold NaN" in three[0]["invalid"]
    assert [got["unreadable"] for got in three] == ["the disk failed"] * 3
