"""One pass over images: what is looked at, added up and refused."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from gan_lightning.errors import UserError
from gan_lightning.scores.extraction import Totals, Wanted, extract
from gan_lightning.scores.sources import BLOCK, ArrayImages, Images
from tests.scores.small import SHAPE, projection, random_images

CPU = torch.device("cpu")


def run(images: Images, wanted: Wanted, extractor: projection | None = None) -> Totals:
    return extract(ArrayImages(images), extractor or projection(), wanted, CPU)


def features_of(images: Images) -> tuple[Tensor, Tensor]:
    """In whole blocks, as a pass makes them: float32 results depend on a batch's size."""
    features, logits = zip(
        *(
            projection()(torch.from_numpy(images[i : i + BLOCK]))
            for i in range(0, len(images), BLOCK)
        ),
        strict=True,
    )
    return torch.cat(features), torch.cat(logits)


# ------------------------------------------------------------------------------ what is wanted


@pytest.mark.parametrize(
    ("wanted", "count", "blocks"),
    [
        (Wanted(0), 0, 0),
        (Wanted(1), 1, 1),
        (Wanted(BLOCK), BLOCK, 1),
        (Wanted(BLOCK, inception=BLOCK + 1), BLOCK + 1, 2),
        (Wanted(3, 2, features=9 * BLOCK), 9 * BLOCK, 9),
        (Wanted(3, 2, images=130), 130, 3),
        (Wanted(3, splits=1000), 3, 1),
    ],
)
def test_as_many_are_looked_at_as_the_greediest_wants_in_whole_blocks(
    wanted: Wanted, count: int, blocks: int
) -> None:
    assert (wanted.count, wanted.blocks) == (count, blocks)


def test_whole_blocks_are_judged_where_there_are_so_many_images() -> None:
    for there, seen in ((65, 65), (100, 100), (128, 128), (500, 128)):
        extractor = projection()
        run(random_images(there), Wanted(65), extractor)
        assert extractor.seen == seen


# -------------------------------------------------------------------------- what is added up


def test_each_consumer_gets_the_first_images_that_it_wants() -> None:
    images = random_images(150)
    totals = run(images, Wanted(100, 130, 1, 70, 5))
    features, logits = features_of(images)
    count, mean, covariance = totals.moments.compute()
    assert count == 100
    torch.testing.assert_close(mean, features[:100].double().mean(0), rtol=0, atol=1e-6)
    torch.testing.assert_close(covariance, features[:100].double().T.cov(), rtol=1e-5, atol=1e-6)
    assert torch.equal(totals.features.compute(), features[:70])
    assert torch.equal(totals.images.compute(), torch.from_numpy(images[:5]))
    chances = logits[:130].double().softmax(1)
    score = (chances * (chances / chances.mean(0)).log()).sum(1).mean().exp()
    assert float(totals.inception.compute()[0]) == pytest.approx(float(score), rel=1e-5)


def test_what_one_wants_does_not_change_what_another_gets() -> None:
    images = random_images(200)
    alone = run(images, Wanted(70))
    beside = run(images, Wanted(70, 200, 1, 130, 9))
    for one, two in zip(alone.moments.compute(), beside.moments.compute(), strict=True):
        torch.testing.assert_close(one, two, rtol=0, atol=0)


def test_who_wants_nothing_gets_nothing() -> None:
    totals = run(random_images(10), Wanted(10))
    assert totals.features.compute().shape == (0, 12)
    assert totals.images.compute().shape == (0, *SHAPE)


# ---------------------------------------------------------------------------- the fingerprint


def test_a_fingerprint_is_that_of_the_images_looked_at() -> None:
    """Of every pixel and of the order; not of images behind, and not of who looks."""
    images = random_images(140)
    first = run(images, Wanted(100)).fingerprint()
    assert len(first) == 16
    assert run(images[:100], Wanted(0, features=100)).fingerprint() == first
    changed, behind, swapped = images.copy(), images.copy(), images.copy()
    changed[99, 0, 7, 7] ^= 1
    behind[100] ^= 1
    swapped[[0, 1]] = images[[1, 0]]
    assert run(changed, Wanted(100)).fingerprint() != first
    assert run(behind, Wanted(100)).fingerprint() == first
    assert run(swapped, Wanted(100)).fingerprint() != first
    assert run(images, Wanted(99)).fingerprint() != first


def test_a_fingerprint_tells_images_of_the_same_bytes_and_another_shape_apart() -> None:
    images = random_images(8)
    made = [
        extract(ArrayImages(pixels), projection(), Wanted(8), CPU).fingerprint()
        for pixels in (images, images.reshape(8, 1, 4, 16))
    ]
    assert made[0] != made[1]


# --------------------------------------------------------------------------- what is refused


def test_too_few_images_are_refused_before_any_is_judged() -> None:
    extractor = projection()
    with pytest.raises(UserError, match=r"^11 images are wanted, but there are only 10$"):
        run(random_images(10), Wanted(3, features=11), extractor)
    assert extractor.seen == 0


class Choosy(projection):
    def check(self, image_shape: tuple[int, int, int]) -> None:
        raise UserError(f"no images of {image_shape}")


def test_an_extractor_may_refuse_the_images_before_it_judges_any() -> None:
    extractor = Choosy()
    with pytest.raises(UserError, match=r"^no images of \(1, 8, 8\)$"):
        run(random_images(10), Wanted(3), extractor)
    assert extractor.seen == 0


class Broken(ArrayImages):
    """In each block, one image holds NaN and two are out of range."""

    def block(self, start: int, stop: int) -> tuple[Tensor, Tensor]:
        return super().block(start, stop)[0], torch.tensor([1, 2])


def test_what_is_no_image_is_counted_over_all_blocks_and_refused() -> None:
    for title, said in ((None, "images"), ("generated images", "generated images")):
        with pytest.raises(
            UserError,
            match=f"^{said}: of 130 images 3 hold NaN or infinite values and 6 hold values out of "
            "range, so there are no scores. A generator that diverged does this",
        ):
            extract(Broken(random_images(130)), projection(), Wanted(130), CPU, title)


class Careful(projection):
    """Would not be trained by its judgement."""

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        assert not torch.is_grad_enabled()
        return super().forward(images)


def test_no_gradient_is_kept_of_a_pass() -> None:
    totals = run(random_images(10), Wanted(10, features=10), Careful())
    assert totals.features.compute().shape == (10, 12)
    assert torch.is_grad_enabled()


def test_progress_is_shown_by_its_title_and_none_without(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for title in (None, "real images"):
        extract(ArrayImages(random_images(70)), projection(), Wanted(70), CPU, title)
        shown = capsys.readouterr().err
        assert ("real images" in shown) == (title is not None)
        assert ("/70 [" in shown) == (title is not None)
