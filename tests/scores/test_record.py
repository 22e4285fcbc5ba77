"""A score depends on nothing that its record does not hold, nor on which others are asked for."""

from __future__ import annotations

import inspect
from itertools import combinations

import numpy as np
import pytest
import torch

from gan_lightning import scores
from gan_lightning.scores.generated import GeneratedImages
from gan_lightning.scores.protocol import monitor
from gan_lightning.scores.record import Fact, Result
from gan_lightning.scores.samples import SampleScore
from gan_lightning.scores.scoring import Judge
from gan_lightning.scores.sources import ArrayImages, Images, ImageSource
from tests.scores.processes import CPU, TinyGenerator
from tests.scores.small import projection, random_images

ARGUMENTS: dict[type[SampleScore], dict[str, float]] = {
    scores.kid: {"subsets": 3, "subset_size": 40, "count": 90},
    scores.precision_recall: {"neighbours": 3, "count": 130},
    scores.density_coverage: {"neighbours": 5, "count": 100},
    scores.ms_ssim: {"pairs": 30, "count": 50},
    scores.memorization: {"quantile": 0.05, "training": 170, "count": 110},
}
COUNTS = {"is_images": 95, "is_splits": 4, "fid_generated": 70, "fid_real": 120}
REAL, HELD_OUT = np.split(random_images(400), 2)


def made(kind: type[SampleScore], **changes: float) -> SampleScore:
    return kind(**{**ARGUMENTS[kind], **changes})


def judged(
    metrics: list[SampleScore],
    extractor_seed: int = 0,
    real: Images = REAL,
    real_name: str = "small",
    seed: int = 3,
    counts: dict[str, int] | None = None,
    images: Images | None = None,
) -> Result:
    """Scores of a small generator, or of images."""
    judge = Judge(projection(extractor_seed), monitor(**(COUNTS | (counts or {}))), metrics)
    statistics = judge.statistics(real, real_name, CPU)
    source: ImageSource = GeneratedImages(TinyGenerator(0), judge.to_generate, seed)
    if images is not None:
        source = ArrayImages(images)
    return judge.score(source, statistics, CPU)


def record(result: Result) -> dict[str, Fact]:
    return {**result.counts, **result.facts}


def test_every_score_of_the_package_is_held_to_these_laws() -> None:
    named = [getattr(scores, name) for name in scores.__all__]
    kinds = {k for k in named if issubclass(k, SampleScore) and not inspect.isabstract(k)}
    assert kinds == ARGUMENTS.keys()
    for kind, arguments in ARGUMENTS.items():
        assert arguments.keys() == inspect.signature(kind).parameters.keys()


@pytest.mark.parametrize(
    "pair", list(combinations(ARGUMENTS, 2)), ids=lambda p: "+".join(k.__name__ for k in p)
)
def test_no_score_depends_on_which_others_are_asked_for(
    pair: tuple[type[SampleScore], type[SampleScore]],
) -> None:
    one, other = (judged([made(kind)]).scores for kind in pair)
    assert {name: one[name] for name in one.keys() & other.keys()} == judged([]).scores
    assert judged([made(kind) for kind in pair]).scores == one | other


def test_kid_of_600_is_the_same_beside_precision_and_recall_of_1000() -> None:
    real, images = random_images(1100), ArrayImages(random_images(1100, seed=1))
    found = []
    for metrics in (
        [scores.kid(3, 200, 600)],
        [scores.kid(3, 200, 600), scores.precision_recall(3, 1000)],
    ):
        judge = Judge(projection(), monitor(70, 4, 1000, 70), metrics)
        found.append(judge.score(images, judge.statistics(real, "small", CPU), CPU).scores)
    assert found[0]["projection_kid"] == found[1]["projection_kid"]


@pytest.mark.parametrize(
    ("kind", "argument"), [(kind, name) for kind, given in ARGUMENTS.items() for name in given]
)
def test_every_argument_of_a_score_moves_it_and_is_recorded(
    kind: type[SampleScore], argument: str
) -> None:
    value = ARGUMENTS[kind][argument]
    changed = value + 1 if isinstance(value, int) else 2 * value
    if argument == "training":
        changed = 20
    before, after = (
        judged([metric], images=HELD_OUT)
        for metric in (made(kind), made(kind, **{argument: changed}))
    )
    assert before.scores != after.scores
    name = f"{kind.__name__}_{argument}"
    assert (record(before)[name], record(after)[name]) == (value, changed)


@pytest.mark.parametrize("field", COUNTS)
def test_every_count_of_a_protocol_moves_a_score_and_is_recorded(field: str) -> None:
    before, after = judged([]), judged([], counts={field: COUNTS[field] - 1})
    assert before.scores != after.scores
    assert record(after)[field] == record(before)[field] - 1  # type: ignore[operator]  # a count


@pytest.mark.parametrize(
    ("change", "fact"),
    [
        ({"extractor_seed": 1}, "extractor_fingerprint"),
        ({"real": random_images(200, seed=5), "real_name": "other"}, "real"),
        ({"seed": 4}, "images_fingerprint"),
    ],
)
def test_whatever_else_moves_scores_is_recorded(change: dict[str, object], fact: str) -> None:
    before, after = judged([]), judged([], **change)  # type: ignore[arg-type]  # mixed types
    assert before.scores != after.scores
    differing = {k for k in record(before) if record(before)[k] != record(after)[k]}
    assert differing == {fact}


def test_one_pixel_of_one_image_changes_the_fingerprint_and_order_does_too() -> None:
    judge = Judge(projection(), monitor(**COUNTS))
    statistics = judge.statistics(REAL, "small", CPU)

    def fingerprint(images: Images) -> Fact:
        return judge.score(ArrayImages(images), statistics, CPU).facts["images_fingerprint"]

    images = random_images(100, seed=1)
    pixel = images.copy()
    pixel[94, 0, 3, 3] ^= 1
    unseen = images.copy()
    unseen[95, 0, 3, 3] ^= 1
    swapped = images[np.r_[1, 0, 2:100]]
    assert len({fingerprint(i) for i in (images, pixel, swapped)}) == 3
    assert fingerprint(images) == fingerprint(unseen) == fingerprint(images.copy())


def test_versions_are_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    before = judged([])
    monkeypatch.setattr(torch, "__version__", "2.99")
    assert judged([]).facts == before.facts | {"torch": "2.99"}
